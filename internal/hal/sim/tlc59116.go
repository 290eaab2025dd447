package sim

import (
	"sync"
	"time"
)

// A TLC59116 models TI's 16-channel LED sink (datasheet SLDS157).
type TLC59116 struct {
	addr uint16 // Immutable. Set by its address pins.

	mu    sync.Mutex
	held  bool // in reset by the pin
	sda   bool // held low, until the rest of a byte or a reset comes
	reg   [32]uint8
	out   [32]uint8 // of registers 0x02 to 0x17, what the outputs follow
	blink time.Time // when blinking began

	ptr, inc uint8 // the control byte
	phase    tlcPhase
	fresh    bool // written since START, not on the outputs yet
}

type tlcPhase uint8

const (
	tlcDeaf    tlcPhase = iota // not addressed
	tlcControl                 // the next byte is the control byte
	tlcData
	tlcRead
	tlcReset1 // Software Reset called, 0xA5 to come
	tlcReset2 // 0x5A to come
	tlcReset3 // STOP to come
)

// Registers and their bits.
const (
	tlcMode1      = 0x00
	tlcMode2      = 0x01
	tlcPWM0       = 0x02
	tlcGRPPWM     = 0x12
	tlcGRPFREQ    = 0x13
	tlcLEDOUT0    = 0x14
	tlcLEDOUT3    = 0x17
	tlcSUBADR1    = 0x18
	tlcALLCALLADR = 0x1B
	tlcIREF       = 0x1C

	tlcOscOff  = 1 << 4
	tlcAllCall = 1 << 0
	tlcBlink   = 1 << 5 // MODE2 DMBLNK
	tlcOnACK   = 1 << 3 // MODE2 OCH
)

const tlcSWRST = 0x6B

// tlcPowerOn is the state after power-on ("Register Descriptions").
var tlcPowerOn = [32]uint8{
	tlcMode1:  tlcOscOff | tlcAllCall,
	tlcGRPPWM: 0xFF,
	0x18:      0xD2, 0x19: 0xD4, 0x1A: 0xD8,
	tlcALLCALLADR: 0xD0,
	tlcIREF:       0xFF,
}

// tlcWritable has the bits that a write changes; the others are reserved or
// read only.
var tlcWritable = func() (w [32]uint8) {
	for r := tlcPWM0; r <= tlcLEDOUT3; r++ {
		w[r] = 0xFF
	}
	w[tlcMode1] = 0x1F
	w[tlcMode2] = 0xA8
	for r := tlcSUBADR1; r <= tlcALLCALLADR; r++ {
		w[r] = 0xFE
	}
	w[tlcIREF] = 0xFF
	return w
}()

// NewTLC59116 returns a chip after power-on.
func NewTLC59116(addr uint16) *TLC59116 {
	c := &TLC59116{addr: addr}
	c.Reset()
	return c
}

// Reset implements Chip: power-on reset, at once.
func (c *TLC59116) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

// hold is the level of the reset pin: in reset a chip is as after power-on, and hears
// nothing.
func (c *TLC59116) hold(low bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held = low; low {
		c.reset()
	}
}

func (c *TLC59116) reset() {
	c.reg, c.out = tlcPowerOn, tlcPowerOn
	c.ptr, c.inc, c.phase, c.fresh, c.sda = 0, 0, tlcDeaf, false, false
}

func (c *TLC59116) grip(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sda = on
}

func (c *TLC59116) grips() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sda
}

// Start implements Chip.
func (c *TLC59116) Start(addr uint16, read bool) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = tlcDeaf
	switch {
	case c.held:
	case c.answers(addr):
		c.phase = tlcControl
		if read {
			c.phase = tlcRead
		}
	case addr == tlcSWRST && !read:
		c.phase = tlcReset1
	}
	return c.phase != tlcDeaf
}

// answers knows the chip's own address and those it was told to share.
func (c *TLC59116) answers(addr uint16) bool {
	shared := func(bit int, reg uint8) bool {
		return c.reg[tlcMode1]>>bit&1 != 0 && uint16(c.reg[reg]>>1) == addr
	}
	return addr == c.addr || shared(0, tlcALLCALLADR) ||
		shared(3, tlcSUBADR1) || shared(2, tlcSUBADR1+1) || shared(1, tlcSUBADR1+2)
}

// Write implements Chip.
func (c *TLC59116) Write(b byte) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case tlcControl:
		c.ptr, c.inc = b&0x1F, b>>5
		c.phase = tlcData
	case tlcData:
		c.store(b)
	case tlcReset1:
		return c.expect(b, 0xA5, tlcReset2)
	case tlcReset2:
		return c.expect(b, 0x5A, tlcReset3)
	default: // more than a reset call has, or power was lost since START
		c.phase = tlcDeaf
		return false
	}
	return true
}

// expect goes on to the next phase of a reset call if b is what it wants.
func (c *TLC59116) expect(b, want byte, next tlcPhase) (ack bool) {
	c.phase = tlcDeaf
	if b == want {
		c.phase = next
	}
	return b == want
}

func (c *TLC59116) store(b byte) {
	w := tlcWritable[c.ptr]
	old := c.reg[c.ptr]
	c.reg[c.ptr] = old&^w | b&w
	if c.ptr == tlcMode2 && b&^old&tlcBlink != 0 {
		c.blink = time.Now()
	}
	c.advance()
	c.fresh = true
	if c.reg[tlcMode2]&tlcOnACK != 0 {
		c.show()
	}
}

// advance moves the register pointer ("Auto-Increment Options").
func (c *TLC59116) advance() {
	var first, last uint8
	switch c.inc {
	case 0b100:
		first, last = tlcMode1, tlcALLCALLADR
	case 0b101:
		first, last = tlcPWM0, tlcPWM0+15
	case 0b110:
		first, last = tlcGRPPWM, tlcGRPFREQ
	case 0b111:
		first, last = tlcPWM0, tlcGRPFREQ
	default:
		return
	}
	if c.ptr == last {
		c.ptr = first
	} else {
		c.ptr = (c.ptr + 1) & 0x1F
	}
}

// Read implements Chip.
func (c *TLC59116) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != tlcRead {
		return 0xFF
	}
	b := c.reg[c.ptr]
	if c.ptr == tlcMode1 {
		b |= c.inc << 5
	}
	c.advance()
	return b
}

// Stop implements Chip: the outputs follow what was written.
func (c *TLC59116) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == tlcReset3 {
		c.reset()
	}
	c.phase = tlcDeaf
	c.show()
}

func (c *TLC59116) show() {
	if c.fresh {
		copy(c.out[tlcPWM0:tlcLEDOUT3+1], c.reg[tlcPWM0:])
		c.fresh = false
	}
}

// Lit returns how bright each output is to the eye, from 0 to 255. It is rounded up:
// what glows at all is not dark.
func (c *TLC59116) Lit() (lit [16]uint8) {
	for n, duty := range c.Duty() {
		lit[n] = uint8((int(duty) + 254) / 255)
	}
	return lit
}

// Duty returns for how much of the time each output is on, in 1/255².
func (c *TLC59116) Duty() (duty [16]uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	const full = 0xFF
	group := uint16(c.group())
	osc := c.reg[tlcMode1]&tlcOscOff == 0
	for n := range duty {
		pwm := uint16(c.out[tlcPWM0+n])
		switch c.out[tlcLEDOUT0+n/4] >> (n % 4 * 2) & 0b11 {
		case 0b01:
			duty[n] = full * full // needs no oscillator
		case 0b10:
			if osc {
				duty[n] = pwm * full
			}
		case 0b11:
			if osc {
				duty[n] = pwm * group
			}
		}
	}
	return duty
}

// group returns what GRPPWM makes of the outputs at this moment.
func (c *TLC59116) group() uint8 {
	duty := c.out[tlcGRPPWM]
	if c.reg[tlcMode2]&tlcBlink == 0 {
		return duty
	}
	period := (time.Duration(c.out[tlcGRPFREQ]) + 1) * time.Second / 24
	if time.Since(c.blink)%period < period*time.Duration(duty)/256 {
		return 0xFF
	}
	return 0
}
