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

// Draw returns the frame that shows p.
func Draw(p face.Phrase, l clock.Light) (f Frame) {
	f.Group = uint8(l.Group)
	for led := range p.LEDs() {
		f.PWM[led.Row][led.Col] = uint8(l.Individual)
	}
	return f
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
