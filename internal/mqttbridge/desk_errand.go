package mqttbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"wordclockd/internal/clock"
)

// An errand is how a request is carried out.
type errand struct {
	tokens
	beginJSON string        // instead of tokens.begin for JSON, with after
	after     time.Duration // it is answered at once, and carried out so much later
	slow      bool          // it may take seconds
	heavy     bool          // it costs a restart or a download
	echo      []string      // paths of the states that it is about

	run func(*desk, context.Context, *request) done
}

// How long an errand may take. A look at sources takes 25 s at most, an examination of
// the clock a minute.
const (
	runLimit  = 30 * time.Second
	slowLimit = 2 * time.Minute
)

// carry runs an errand, within its limit.
func (d *desk) carry(ctx context.Context, r *request, e errand) done {
	limit := runLimit
	if e.slow {
		limit = slowLimit
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	x := e.run(d, limited, r)
	if x.err != nil && ctx.Err() == nil && limited.Err() != nil {
		x.err = fmt.Errorf("not done within %.0f s, and given up: see what the states say, health_check what does not answer", limit.Seconds())
	}
	return x
}

// refused is what a request came to that was not carried out.
func (e errand) refused(err error) done {
	return done{tokens: e.failure(err), echo: e.echo, err: err}
}

// finished is what a request came to that was carried out, or not.
func (e errand) finished(err error) done {
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("the clock ends: ask again when it runs")
		}
		return e.refused(err)
	}
	return done{tokens: e.done, echo: e.echo}
}

// A word is what topic status says of some settings.
type word struct {
	fields  []string // of clock.Fields
	done    string
	off     string // instead of done if the first of them was set to false
	failed  string // it could not be stored
	invalid string
}

func (w word) all() []string {
	return slices.DeleteFunc([]string{w.done, w.off, w.failed, w.invalid}, func(s string) bool { return s == "" })
}

// say returns what is said of edits.
func say(words []word, list []clock.Edit, err error) (tokens []string) {
	wrong, isInvalid := errors.AsType[*clock.InvalidError](err)
	for _, w := range words {
		at := slices.IndexFunc(list, func(e clock.Edit) bool { return slices.Contains(w.fields, e.Key) })
		token := w.done
		switch {
		case at < 0:
			continue
		case isInvalid && !slices.Contains(w.fields, wrong.Key):
			continue // it is another one's fault
		case isInvalid:
			token = w.invalid
		case err != nil:
			token = w.failed
		case w.off != "" && list[at].Value == false:
			token = w.off
		}
		if token != "" {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// A form is settings as a payload has them.
type form struct {
	keys  []key
	words []word
	cut   bool // a level above the safety limit comes down to it
	echo  []string
}

// errand returns the errand of setting what the payload says.
func (f form) errand() errand {
	return errand{echo: f.echo, run: func(d *desk, ctx context.Context, r *request) done {
		list, err := edits(r.object, f.keys)
		return d.set(ctx, r, f, list, err)
	}}
}

// set makes edits, unless they could not be read.
func (d *desk) set(ctx context.Context, r *request, f form, list []clock.Edit, err error) done {
	note, shown := "", err
	if err == nil {
		p := parlance{r.object, f.keys}
		note, err = d.alter(ctx, list, f.cut, p)
		shown = p.error(err)
	}
	x := errand{echo: f.echo}.finished(shown)
	x.tokens, x.note = say(f.words, list, err), note
	return x
}

// alter changes the settings: all of the edits, or none. The note says what is not as
// one may think, in the payload's parlance; an error names fields.
func (d *desk) alter(ctx context.Context, list []clock.Edit, cut bool, p parlance) (note string, err error) {
	var notes []string
	_, err = d.service.Change(ctx, func(s *clock.Settings) error {
		edits := list
		notes = nil
		if cut {
			edits, notes = cutDown(list, s.SafetyLimit, p.name(individual))
		}
		return clock.Apply(s, edits)
	})
	if err != nil {
		return "", err
	}
	notes = slices.Concat(notes, d.dimmed(list, p), d.inVain(list, p))
	return strings.Join(notes, "; "), nil
}

// dimmed returns a note for an edit of the group level that a window of the night keeps
// from being seen.
func (d *desk) dimmed(list []clock.Edit, p parlance) []string {
	status, _ := d.service.Watch()
	l := status.Light
	if l.WhyGroup.By != clock.ByNight || !slices.ContainsFunc(list, func(e clock.Edit) bool { return e.Key == global }) {
		return nil
	}
	return []string{fmt.Sprintf("%s: the window %s dims the face to %d until it ends", p.name(global), l.Window, l.Group)}
}

// inVain returns a note for edits of what this clock does not have.
func (d *desk) inVain(list []clock.Edit, p parlance) []string {
	status, _ := d.service.Watch()
	var keys []string
	for _, e := range list {
		if f, err := clock.FieldOf(e.Key); err == nil && !status.Can(f.Needs) {
			keys = append(keys, p.name(f.Key))
		}
	}
	if keys == nil {
		return nil
	}
	return []string{strings.Join(keys, ", ") + ": stored, and without effect on this clock"}
}
