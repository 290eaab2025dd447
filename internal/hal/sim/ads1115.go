package sim

import (
	"encoding/binary"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"
)

// An ADS1115 models TI's 16-bit converter (datasheet SBAS444D) without its comparator.
type ADS1115 struct {
	addr uint16 // Immutable.

	mu      sync.Mutex
	inputs  [4]physic.ElectricPotential
	regs    [4]uint16 // conversion, config, low and high threshold
	pointer uint8
	done    time.Time // when the conversion under way is over; zero is none

	phase adsPhase
	low   bool // the low byte is next
	shift uint16
}

type adsPhase uint8

const (
	adsDeaf adsPhase = iota
	adsPointer
	adsWrite
	adsRead
)

const (
	adsConversion = iota
	adsConfig
)

// Fields of the config register ("Config Register").
const (
	adsOS     = 1 << 15 // written: begin a conversion; read: none is under way
	adsSingle = 1 << 8
	adsReset  = 0x8583
)

var (
	// adsRanges are what full scale stands for, by PGA.
	adsRanges = [8]physic.ElectricPotential{6144e6, 4096e6, 2048e6, 1024e6, 512e6, 256e6, 256e6, 256e6}
	// adsRates are conversions in a second, by DR.
	adsRates = [8]time.Duration{8, 16, 32, 64, 128, 250, 475, 860}
	// adsDifferences are the inputs of which MUX takes the difference.
	adsDifferences = [4][2]int{{0, 1}, {0, 3}, {1, 3}, {2, 3}}
)

// NewADS1115 returns a converter after power-on, with its inputs at ground.
func NewADS1115(addr uint16) *ADS1115 {
	c := &ADS1115{addr: addr}
	c.Reset()
	return c
}

// Set sets the tension at an input, 0 to 3.
func (c *ADS1115) Set(input int, v physic.ElectricPotential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.convert()
	c.inputs[input] = v
}

// Reset implements Chip.
func (c *ADS1115) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.regs, c.pointer, c.done, c.phase = [4]uint16{0, adsReset, 0x8000, 0x7FFF}, 0, time.Time{}, adsDeaf
}

// Start implements Chip.
func (c *ADS1115) Start(addr uint16, read bool) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = adsDeaf
	if addr != c.addr {
		return false
	}
	c.phase, c.low = adsPointer, false
	if read {
		c.phase = adsRead
		c.convert()
	}
	return true
}

// Write implements Chip: the pointer, then a register, high byte first.
func (c *ADS1115) Write(b byte) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case adsPointer:
		c.pointer, c.phase = b&3, adsWrite
	case adsWrite:
		c.shift = c.shift<<8 | uint16(b)
		if c.low = !c.low; !c.low {
			c.put(c.shift)
		}
	default:
		return false
	}
	return true
}

// put writes the register that is pointed to; the conversion is read only.
func (c *ADS1115) put(v uint16) {
	if c.pointer == adsConversion {
		return
	}
	c.convert()
	c.regs[c.pointer] = v
	if c.pointer == adsConfig && (v&adsOS != 0 || v&adsSingle == 0) {
		c.regs[adsConfig] &^= adsOS
		c.done = time.Now().Add(c.each())
	}
}

// each is how long a conversion takes.
func (c *ADS1115) each() time.Duration { return time.Second / adsRates[c.regs[adsConfig]>>5&7] }

// Read implements Chip.
func (c *ADS1115) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != adsRead {
		return 0xFF
	}
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], c.regs[c.pointer])
	c.low = !c.low
	if c.low {
		return b[0]
	}
	return b[1]
}

// Stop implements Chip.
func (c *ADS1115) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = adsDeaf
}

// convert finishes the conversion that is over by now.
func (c *ADS1115) convert() {
	if c.done.IsZero() || time.Now().Before(c.done) {
		return
	}
	config := c.regs[adsConfig]
	c.regs[adsConversion] = c.code(config)
	if config&adsSingle != 0 {
		c.done = time.Time{}
		c.regs[adsConfig] |= adsOS
		return
	}
	c.done = time.Now().Add(c.each())
}

// code is what the inputs come to, by MUX and PGA.
func (c *ADS1115) code(config uint16) uint16 {
	var v physic.ElectricPotential
	if mux := config >> 12 & 7; mux >= 4 {
		v = c.inputs[mux-4]
	} else {
		d := adsDifferences[mux]
		v = c.inputs[d[0]] - c.inputs[d[1]]
	}
	full := adsRanges[config>>9&7]
	return uint16(int16(min(max(v*(1<<15)/full, -1<<15), 1<<15-1)))
}
