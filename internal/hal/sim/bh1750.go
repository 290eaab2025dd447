package sim

import (
	"sync"
	"time"

	"wordclockd/internal/hal"
)

// A BH1750 models ROHM's ambient light sensor (Technical Note 2009.04 Rev. B).
type BH1750 struct {
	mu   sync.Mutex
	lux  float64
	data uint16
	on   bool
	mode uint8     // the measuring opcode; 0 is none
	mt   uint8     // MTreg
	mark time.Time // when the present measurement began

	phase bhPhase
	low   bool // the low byte is next
}

type bhPhase uint8

const (
	bhDeaf bhPhase = iota
	bhOpcode
	bhIgnore // one opcode for each STOP
	bhRead
)

const (
	bhOneTime   = 0x20
	bhMTDefault = 69
)

// NewBH1750 returns a sensor after power-on, in the dark.
func NewBH1750() *BH1750 {
	c := &BH1750{}
	c.Reset()
	return c
}

// SetLux changes the light that falls on the sensor.
func (c *BH1750) SetLux(lux float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.measure()
	c.lux = lux
}

// Lux returns the light that falls on the sensor.
func (c *BH1750) Lux() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lux
}

// Reset implements Chip: power-on is power down, with nothing measured.
func (c *BH1750) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data, c.on, c.mode, c.mt, c.phase = 0, false, 0, bhMTDefault, bhDeaf
}

// Start implements Chip.
func (c *BH1750) Start(addr uint16, read bool) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = bhDeaf
	if addr != hal.LightAddr {
		return false
	}
	c.phase = bhOpcode
	if read {
		c.phase, c.low = bhRead, false
		c.measure()
	}
	return true
}

// Write implements Chip.
func (c *BH1750) Write(b byte) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case bhOpcode:
		c.measure()
		c.execute(b)
		c.phase = bhIgnore
	case bhIgnore:
	default:
		return false
	}
	return true
}

func (c *BH1750) execute(op byte) {
	switch {
	case op == 0x00:
		c.on, c.mode = false, 0
	case op == 0x01:
		c.on = true
	case op == 0x07 && c.on:
		c.data = 0
	case op == 0x10, op == 0x11, op == 0x13, op == 0x20, op == 0x21, op == 0x23:
		c.on, c.mode, c.mark = true, op, time.Now()
	case op>>3 == 0b01000: // high bits of the measurement time
		c.mt = c.mt&0x1F | op<<5
	case op>>5 == 0b011: // low bits
		c.mt = c.mt&0xE0 | op&0x1F
	}
}

// Read implements Chip.
func (c *BH1750) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != bhRead {
		return 0xFF
	}
	c.low = !c.low
	if c.low {
		return byte(c.data >> 8)
	}
	return byte(c.data)
}

// Stop implements Chip.
func (c *BH1750) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = bhDeaf
}

// measure finishes the measurements that are over by now.
func (c *BH1750) measure() {
	if c.mode == 0 {
		return
	}
	scale := float64(c.mt) / bhMTDefault
	typical := 120 * time.Millisecond
	if c.mode&3 == 3 {
		typical = 16 * time.Millisecond
	}
	each := max(time.Duration(float64(typical)*scale), time.Millisecond)
	n := time.Since(c.mark) / each
	if n == 0 {
		return
	}
	c.mark = c.mark.Add(n * each)
	raw := c.lux * 1.2 * scale
	if c.mode&3 == 1 {
		raw *= 2 // 0.5 lx steps
	}
	c.data = uint16(min(max(raw, 0), 0xFFFF))
	if c.mode&bhOneTime != 0 {
		c.on, c.mode = false, 0
	}
}
