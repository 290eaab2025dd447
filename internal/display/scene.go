package display

import (
	"time"

	"wordclockd/internal/clock"
)

// A scene is what is seen, on its way to what is to be seen.
type scene struct {
	face              clock.Face // to be seen
	how               clock.Transition
	limit             clock.Level // of an LED
	fade              fade
	individual, group glide
	fresh             bool // the face changed since somebody reset this
}

// newScene returns a dark one.
func newScene() scene { return scene{face: clock.Face{Off: true}} }

// turn goes for a face in a light. It fades from one time to another; what is switched
// off or on, and what blinks, is so at once. A fade that is told to be another one is
// over.
func (s *scene) turn(f clock.Face, l clock.Light, set *clock.Settings, now time.Time) {
	s.dim(l, set.SafetyLimit, now)
	mask := f.Phrase.Mask()
	if mask != s.fade.to {
		s.fresh = !f.Unknown
	}
	if set.Transition != s.how {
		s.fade.set(s.fade.to)
	}
	switch {
	case set.Transition.Off || !tellsTime(s.face) || !tellsTime(f):
		s.fade.set(mask)
	case mask != s.fade.to:
		s.fade.turn(mask, set.Transition, now)
	}
	s.face, s.how = f, set.Transition
}

func tellsTime(f clock.Face) bool { return !f.Off && !f.Unknown }

// dim goes for the levels of a light, from the dark or into it at once.
func (s *scene) dim(l clock.Light, limit clock.Level, now time.Time) {
	s.limit = limit
	if l.Off || s.face.Off {
		s.individual.set(l.Individual)
		s.group.set(l.Group)
		return
	}
	s.individual.turn(l.Individual, handGlide, now)
	s.group.turn(l.Group, roomGlide, now)
}

// frame returns the picture of a moment. The safety limit holds at once.
func (s *scene) frame(now time.Time) (f Frame) {
	individual := min(s.individual.level(now), uint8(s.limit))
	lit, group := registers(individual, s.group.level(now))
	return Frame{PWM: s.fade.draw(lit, now), Group: group}
}

// How often there is a frame while LEDs fade, and while only levels glide.
const (
	fadeFrame  = 20 * time.Millisecond
	glideFrame = 40 * time.Millisecond
)

// period returns how often there is to be a frame; 0 is that nothing moves.
func (s *scene) period(now time.Time) time.Duration {
	switch {
	case s.fade.moving(now):
		return fadeFrame
	case s.individual.moving(now) || s.group.moving(now):
		return glideFrame
	}
	return 0
}
