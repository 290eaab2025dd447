package hal

import (
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
// who owns the LEDs.
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
	buf  [2]byte       // guarded by held
}

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
	for _, addr := range LEDAddrs {
		h.buf[0] = regMode1
		if h.bus.Tx(addr, h.buf[:1], h.buf[1:]) != nil || h.buf[1]&allCall == 0 {
			continue
		}
		h.buf[1] &= modeBits &^ allCall
		_ = h.bus.Tx(addr, h.buf[:], nil) // a driver lost since the read cannot answer 0x68 either
	}
}
