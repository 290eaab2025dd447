package display

import (
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
)

// A Frame is a picture for the panel.
type Frame struct {
	PWM   [face.Rows][face.Cols]uint8 // duty of each LED, in 1/256
	Group uint8                       // duty that scales them all
}

// coarse is the level of an LED below which its counts are so few that a fade shows them.
const coarse = 32

// registers returns the levels as they go into the chips: PWM of a lit LED, and group. Their
// product is the light, and fades have as many steps as the PWM has counts; so where the
// individual level is low, the two change places if the group level has more.
func registers(individual, group uint8) (pwm, scale uint8) {
	if individual < coarse && group > individual {
		return group, individual
	}
	return individual, group
}

// faceAt returns what the front has to show at a moment of the host's clock, and
// how long that stays true.
func faceAt(t clock.Time, style face.Style, off bool, host time.Time) (f clock.Face, stays time.Duration) {
	local, ok := t.At(host)
	f.Off, f.Unknown = off, !ok
	switch {
	case f.Off:
		return f, left(host, time.Minute)
	case f.Unknown:
		if host.Unix()%2 == 0 {
			f.Phrase = face.Dots(4)
		}
		return f, left(host, time.Second)
	}
	f.Phrase = face.Say(local.Hour(), local.Minute(), style)
	return f, left(local, time.Minute)
}

// left returns how long it is from t to the next multiple of d. Minutes are
// the same in every zone: offsets are whole minutes.
func left(t time.Time, d time.Duration) time.Duration {
	return d - time.Duration(t.UnixNano())%d
}
