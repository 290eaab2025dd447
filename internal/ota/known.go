package ota

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// A Bad is an image that is not to be tried again unless somebody forces it.
type Bad struct {
	SHA256  string    `json:"sha256"`
	Version string    `json:"version"`
	Cause   string    `json:"cause"`  // "" if it ran, and was given up
	Reason  string    `json:"reason"` // for people
	Proven  bool      `json:"proven"` // it was this image, and not what a source sent in its place
	At      time.Time `json:"at"`
}

// again says what would change that.
func (b *Bad) again() string {
	again := "`ota update` fetches it again"
	if b.Proven {
		again = "`ota update --force` fetches it again"
	}
	switch c, _ := ParseCause(b.Cause); c {
	case WrongVersion:
		return again + ", `ota update --force` takes it all the same"
	case BadSignature, Unsigned:
		return "publish one that is signed by a trusted key; " + again
	case ImageInvalid, WrongChip, WrongProject, BelowFloor:
		return "publish another one; " + again
	}
	return again
}

// maxBad is how many of them are remembered.
const maxBad = 8

// Known is what a clock knows of images by itself, whatever manifests say of them. It
// may be used by several goroutines; nil knows nothing.
type Known struct {
	// Immutable.
	running flash.Device
	digest  string // of the image that runs; "" if that is not known
	sha256  string // the same, of its file

	mu     sync.Mutex
	bad    []Bad
	staged string // hash of the image that is started next; "" is none
	runs   map[pinned]bool
}

// A pinned image is told from others by its manifest.
type pinned struct {
	sha256 string
	size   int64
}

// NewKnown returns what is known to a clock that runs what is in a partition, and has
// found these images to be bad.
func NewKnown(running flash.Device, bad []Bad) *Known {
	return &Known{running: running, bad: bad, runs: make(map[pinned]bool)}
}

// KnownTo returns what a clock knows that runs x, and remembers r.
func KnownTo(x Running, r Record) *Known {
	k := NewKnown(x.Device, r.Bad)
	k.recall(x, r.History)
	return k
}

// recall adds what an updater knows of the image that runs: reading it takes a while.
func (k *Known) recall(x Running, history []clock.Attempt) {
	k.digest = hex.EncodeToString(x.Digest[:])
	for _, a := range history {
		if x.runs(a) {
			k.sha256 = a.SHA256
		}
	}
}

// An objection is why an image is not offered although its manifest is newer.
type objection struct {
	event string
	text  string
	bad   *Bad // nil: it is here already
}

// objection returns nil if there is none to the image of m.
func (k *Known) objection(ctx context.Context, m Manifest, running string) *objection {
	switch b := k.badness(m.SHA256); {
	case k == nil || m.SHA256 == "":
		return nil
	case k.isStaged(m.SHA256):
		return &objection{"ota_already_installed", m.Version + " is installed, and starts at the next restart", nil}
	case b != nil:
		return &objection{"ota_known_bad", fmt.Sprintf("%s (sha256 %s) is not offered: %s; %s", m.Version, brief(m.SHA256), b.Reason, b.again()), b}
	case k.runsImage(ctx, m):
		return &objection{"ota_already_installed", fmt.Sprintf("the image of %s runs already, although it calls itself %s", m.Version, flash.Printable(running)), nil}
	}
	return nil
}

// badness returns why an image is not to be tried again; nil if it may be.
func (k *Known) badness(sha256 string) *Bad {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := slices.IndexFunc(k.bad, func(b Bad) bool { return b.SHA256 == sha256 }); i >= 0 {
		return &k.bad[i]
	}
	return nil
}

// learn makes these the images that are bad. Nobody changes them any more.
func (k *Known) learn(bad []Bad) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bad = bad
}

// stage notes which image is started next.
func (k *Known) stage(sha256 string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.staged = sha256
}

func (k *Known) isStaged(sha256 string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.staged == sha256
}

// runsImage reports whether the image of m runs. What m says of the digest is believed
// if that makes it another one: who is wrong there installs it once, and then its hash
// is remembered.
func (k *Known) runsImage(ctx context.Context, m Manifest) bool {
	switch {
	case k.sha256 == m.SHA256:
		return true
	case k.digest != "" && m.ImageDigest != "" && m.ImageDigest != k.digest:
		return false
	}
	return k.isRunning(ctx, pinned{m.SHA256, m.Size})
}

// isRunning reports whether what runs begins with an image. It looks once for each:
// what runs does not change.
func (k *Known) isRunning(ctx context.Context, m pinned) bool {
	if k.running == nil || m.size > k.running.Geometry().Size {
		return false
	}
	k.mu.Lock()
	runs, seen := k.runs[m]
	k.mu.Unlock()
	if seen {
		return runs
	}
	sum := sha256.New()
	if (&summing{ctx: ctx, r: k.running, sum: sum}).upTo(m.size) != nil {
		return false // it was cancelled, or cannot be read
	}
	runs = hex.EncodeToString(sum.Sum(nil)) == m.sha256
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.runs) >= maxBad {
		clear(k.runs)
	}
	k.runs[m] = runs
	return runs
}
