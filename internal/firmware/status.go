package firmware

import (
	"context"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/watch"
)

// A part of the status is what one task says. It puts that in, and returns what tells
// of the next change.
type part func(*clock.Status) (changed <-chan struct{})

// from returns the part that a value is.
func from[T any](v *watch.Value[T], put func(*clock.Status, T)) part {
	return func(s *clock.Status) <-chan struct{} {
		x, changed := v.Watch()
		put(s, x)
		return changed
	}
}

// parts are those of the status that change, but for the image, which is changed where
// its fate is decided.
func (d *device) parts() []part {
	return []part{
		from(d.time, func(s *clock.Status, x clock.Time) { s.Time = x }),
		from(d.sync, func(s *clock.Status, x clock.Sync) { s.Sync = x }),
		from(d.face, func(s *clock.Status, x clock.Face) { s.Face = x }),
		from(d.settings, func(s *clock.Status, x clock.Changed) { s.Settings, s.Revision = x.Settings, x.Revision }),
		from(d.ambient, func(s *clock.Status, x clock.Sensors) { s.Sensors = x }),
		from(d.light, func(s *clock.Status, x clock.Light) { s.Light = x }),
		from(d.checked, func(s *clock.Status, x *clock.Validation) { s.Validation = x }),
		from(d.demo.on, func(s *clock.Status, x bool) { s.Demo = x }),
		from(d.reach.value, func(s *clock.Status, x bool) { s.Network = x }),
		from(d.link, func(s *clock.Status, x clock.Link) { s.Link = x }),
		from(d.update, func(s *clock.Status, x clock.Update) { s.Update = x }),
		from(d.found, func(s *clock.Status, x clock.Health) { s.Health = x }),
		from(d.entries, func(s *clock.Status, x clock.Journal) { s.Journal = x }),
	}
}

// report returns what keeps a part of the status up.
func (d *device) report(p part) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			var changed <-chan struct{}
			d.status.Update(func(s *clock.Status) { changed = p(s) })
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			}
		}
	}
}

// gather puts the whole status together.
func (d *device) gather() { d.status.Update(d.put) }

// put puts all parts in a status.
func (d *device) put(s *clock.Status) {
	for _, p := range d.parts() {
		p(s)
	}
}

// Watch implements clock.Service.
func (d *device) Watch() (clock.Status, <-chan struct{}) { return d.status.Watch() }

// has reports whether the clock has something.
func (d *device) has(c clock.Capability) bool { return d.status.Get().Can(c) }

// capabilities lists what hangs on a board, and what a clock on it can do.
func capabilities(b hal.Board) (has []clock.Capability) {
	for _, x := range []struct {
		there bool
		c     clock.Capability
	}{
		{b.Sensors != nil, clock.HasRTC}, {b.Sensors != nil, clock.HasLight}, {b.Pot != nil, clock.HasKnob},
		{b.Reset != nil, clock.HasReset}, {b.Button != nil, clock.HasButton}, {b.Speaker != nil, clock.HasSpeaker},
		{true, clock.CanFade}, {b.Sensors != nil, clock.CanAdapt}, {b.Pot != nil, clock.CanTurn}, {true, clock.CanValidate},
	} {
		if x.there {
			has = append(has, x.c)
		}
	}
	return has
}
