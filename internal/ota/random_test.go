package ota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/proof"
)

// A history is a random image, what is wrong with each source, and when the
// process is killed.
type history struct {
	*rand.Rand
	release
	wrong [2]string // by clock.Source; "" is nothing
	sites [2]site
	kills int
}

func newHistory(seed uint64) *history {
	h := &history{Rand: rand.New(rand.NewPCG(seed, 0))}
	h.release = newRelease(seed, 1000+h.IntN(8*pieces))
	if h.IntN(2) == 0 {
		h.release = h.pieced()
	}
	if h.pieces != nil && h.IntN(4) == 0 {
		h.lie()
	}
	for i := range h.sites {
		h.wrong[i], h.sites[i] = h.source()
	}
	h.kills = h.IntN(4)
	return h
}

// source returns one that is well, or has a defect, always or at first only.
func (h *history) source() (string, site) {
	at := h.IntN(len(h.image))
	var sometimes site
	switch h.IntN(8) {
	case 0, 1, 2:
		return "", h.site()
	case 3:
		sometimes = h.flips(at)
	case 4:
		sometimes = h.site().dies(at+1, hangsUp)
	case 5:
		sometimes = h.site().dies(at+1, stays)
	default:
		d := defects[h.IntN(len(defects))]
		if len(h.image) < 5*pieces && d.cause == WrongBytes { // it lies where there is no image
			return d.name, h.flips(at)
		}
		return d.name, d.site(h.release)
	}
	if h.IntN(2) == 0 {
		return "at first", sometimes.once(h.site())
	}
	return "always", sometimes
}

// TestRandom: whatever happens, a download ends, with the image or with what is
// wrong with each source; with the image, if one source is well.
func TestRandom(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 50)
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(seed)
				w := bubble(t, h.sites[clock.GitHub], h.sites[clock.Cloudflare])
				defer func() {
					if t.Failed() {
						t.Logf("%d bytes, pieces %t, wrong: %q, %d kills\n%s", len(h.image), h.pieces != nil, h.wrong, h.kills, &w.log)
					}
				}()
				h.judge(t, h.play(t, w))
			})
		})
	}
	proof.Row(t, begin, "ota: downloads from two sources that fail at random", fmt.Sprint(len(seeds), " downloads, killed up to 3 times each"))
}

// play downloads, is killed, and goes on.
func (h *history) play(t *testing.T, w *world) *download {
	d := w.fetches(h.release, clock.Source(h.IntN(2)))
	for range h.kills {
		ctx, kill := context.WithCancel(t.Context())
		dev := d.dev
		d.dev = &dying{dev, 1 + h.IntN(10), h.IntN(pieces), kill}
		d.run(t, ctx)
		kill()
		again := w.fetches(h.release, clock.Source(h.IntN(2)))
		again.dev, again.kept = dev, d.kept
		if d.kept != (Plan{}) {
			again.plan = &d.kept
		}
		d = again
	}
	return d.run(t, t.Context())
}

func (h *history) judge(t *testing.T, d *download) {
	t.Helper()
	if d.took > 5*time.Minute {
		t.Errorf("took %s", d.took)
	}
	if d.err == nil || h.wrong[0] == "" || h.wrong[1] == "" {
		d.holds(t, h.release)
		return
	}
	if e, ok := errors.AsType[*FetchError](d.err); ok && len(e.Errs) == 2 && e.Errs[0].Source != e.Errs[1].Source {
		return
	}
	if e, ok := d.err.(*Error); !ok || e.Cause != ImageInvalid { // all sent a head that was refused
		t.Errorf("%+v", d.err)
	}
}
