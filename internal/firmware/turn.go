package firmware

import (
	"time"

	"periph.io/x/conn/v3/analog"
	"periph.io/x/conn/v3/physic"
)

const (
	turnSamples = 4 // of which a reading is the mean
	turnDead    = (knobMV + 199) / 200

	turnLook  = 100 * time.Millisecond
	turnBrisk = 50 * time.Millisecond // while it is turned,
	turnFor   = 2 * time.Second       // and so long after
	turnRest  = 500 * time.Millisecond
	turnStill = time.Minute // until it is at rest
)

// What the knob's converter makes of its whole range.
const (
	knobMV  = 3300
	knobRaw = 4095
)

// A turn is how far the knob is turned. It only moves by more than half a percent of the
// whole way, so that noise is no news; the ends can be reached exactly.
type turn struct {
	pot analog.PinADC // Immutable.

	set   bool
	mv    int
	moved time.Time
}

// look returns the knob's tension in mV, and how soon to look again.
func (k *turn) look() (mv int, next time.Duration, err error) {
	var sum physic.ElectricPotential
	for range turnSamples {
		s, err := k.pot.Read()
		if err != nil {
			return 0, 0, err
		}
		sum += s.V
	}
	k.take(time.Now(), min(max(int((sum/turnSamples+physic.MilliVolt/2)/physic.MilliVolt), 0), knobMV))
	switch still := time.Since(k.moved); {
	case still < turnFor:
		return k.mv, turnBrisk, nil
	case still < turnStill:
		return k.mv, turnLook, nil
	}
	return k.mv, turnRest, nil
}

// take moves the knob to where it was seen, if it is not there.
func (k *turn) take(now time.Time, mv int) {
	by := max(mv-k.mv, k.mv-mv)
	switch {
	case !k.set:
		k.set, k.mv, k.moved = true, mv, now.Add(-turnFor)
	case by >= turnDead:
		k.mv, k.moved = mv, now
	case mv == 0 || mv == knobMV:
		k.mv = mv
	}
}

// forget has the next reading count whatever it is.
func (k *turn) forget() { k.set = false }
