package hal

import (
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Share makes the LED bus and the sensor bus of one adapter, for boards where
// all chips hang on the same two wires.
//
// # The conflict of 0x68
//
// The RTC's address is also the LED All-Call address that every TLC59116
// answers to after power-on, and again after each brown-out. A read of the
// time would then be the wired AND of eleven chips, and a write would reach
// them all. So before each transaction with the RTC, with the bus held, every
// LED driver that still answers to All-Call is told not to. Its other MODE1
// bits stay as they are: that it was reset remains to be seen and repaired by
// who owns the LEDs. A driver that hangs the bus is left out for a while.
//
// The bus should be a [Wire]: only its errors tell what hung.
func Share(b i2c.Bus) (leds, sensors i2c.Bus) {
	h := &shared{bus: b, held: make(chan struct{}, 1)}
	return ledSide{h}, sensorSide{h}
}

// MODE1 of the TLC59116, the only register that Share speaks of.
const (
	regMode1 = 0x00
	allCall  = 1 << 0
	modeBits = 0x1F // the rest are the auto-increment flags, read only
)

type shared struct {
	bus  i2c.Bus
	held chan struct{} // a channel, since the holder may sleep in a bubble

	// Guarded by held.
	buf  [2]byte
	mute [len(LEDAddrs)]time.Time // until when a driver that hung is left out
}

// muteFor is how long a driver that hung is left out: each try costs a time-out
// that the RTC and the LEDs wait for.
const muteFor = time.Minute

func (h *shared) String() string                    { return h.bus.String() }
func (h *shared) SetSpeed(f physic.Frequency) error { return h.bus.SetSpeed(f) }

func (h *shared) hold()    { h.held <- struct{}{} }
func (h *shared) release() { <-h.held }

type ledSide struct{ *shared }

func (s ledSide) Tx(addr uint16, w, r []byte) error {
	s.hold()
	defer s.release()
	return s.bus.Tx(addr, w, r)
}

type sensorSide struct{ *shared }

func (s sensorSide) Tx(addr uint16, w, r []byte) error {
	s.hold()
	defer s.release()
	if addr == RTCAddr && len(w)+len(r) > 0 {
		s.silence()
	}
	return s.bus.Tx(addr, w, r)
}

// silence clears ALLCALL wherever it is set. A driver that does not answer at
// its own address is dead, or not there, and passed over.
func (h *shared) silence() {
	for i, addr := range LEDAddrs {
		if time.Now().Before(h.mute[i]) {
			continue
		}
		h.buf[0] = regMode1
		err := h.bus.Tx(addr, h.buf[:1], h.buf[1:])
		if err == nil && h.buf[1]&allCall != 0 {
			h.buf[1] &= modeBits &^ allCall
			err = h.bus.Tx(addr, h.buf[:], nil)
		}
		if IsHung(err) {
			h.mute[i] = time.Now().Add(muteFor)
		}
	}
}
