package sim

import (
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/hal"
)

// A DS3231 models Maxim's real-time clock (datasheet 19-5170). It counts the
// time of the program, so in a test the time of the bubble.
type DS3231 struct {
	mu   sync.Mutex
	reg  [rtcRegs]uint8
	user [7]uint8  // what a reader sees of the time registers
	mark time.Time // when the present second began
	ppm  float64

	ptr   uint8
	phase rtcPhase
}

type rtcPhase uint8

const (
	rtcDeaf rtcPhase = iota
	rtcPointer
	rtcData
	rtcRead
)

const (
	rtcControl = 0x0E
	rtcStatus  = 0x0F
	rtcAging   = 0x10
	rtcTemp    = 0x11
	rtcRegs    = 0x13

	rtcOSF     = 0x80
	rtcEN32kHz = 0x08
	rtcFlags   = 0x83 // OSF, A2F, A1F: a write can only clear them
	rtcConv    = 0x20
)

// NewDS3231 returns a chip to which power is applied for the first time.
func NewDS3231() *DS3231 {
	c := &DS3231{}
	c.PowerLoss()
	return c
}

// PowerLoss is the end of both supplies, and their return: the clock starts at
// 2000-01-01 with OSF set.
func (c *DS3231) PowerLoss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reg = [rtcRegs]uint8{3: 1, 4: 1, 5: 1, rtcControl: 0x1C, rtcStatus: rtcOSF | rtcEN32kHz, rtcTemp: 25}
	c.mark, c.phase = time.Now(), rtcDeaf
}

// Set puts the clock to t, in UTC, as somebody did before the story begins.
func (c *DS3231) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t = t.UTC()
	v := civil{t: t, weekday: uint8(t.Weekday()+6)%7 + 1}
	v.put(&c.reg)
	c.mark = time.Now().Add(-time.Duration(t.Nanosecond()))
	c.reg[rtcStatus] &^= rtcOSF
}

// Now returns the time in the registers; ok is false if they hold none.
func (c *DS3231) Now() (t time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	v, ok := takeCivil(&c.reg)
	return v.t, ok
}

// Stopped reports whether the oscillator stopped since the clock was set.
func (c *DS3231) Stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reg[rtcStatus]&rtcOSF != 0
}

// SetRate makes the clock gain ppm millionths, or lose them.
func (c *DS3231) SetRate(ppm float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	c.ppm = ppm
}

// SetTemperature sets what the chip measures, in steps of 0.25 °C.
func (c *DS3231) SetTemperature(t physic.Temperature) {
	c.mu.Lock()
	defer c.mu.Unlock()
	quarters := (t - physic.ZeroCelsius) * 4 / physic.Kelvin
	c.reg[rtcTemp], c.reg[rtcTemp+1] = uint8(quarters>>2), uint8(quarters<<6)
}

// Poke changes a register behind everybody's back.
func (c *DS3231) Poke(reg int, v uint8) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	c.reg[reg] = v
}

// Start implements Chip. Any START copies the time for the reader.
func (c *DS3231) Start(addr uint16, read bool) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = rtcDeaf
	if addr != hal.RTCAddr {
		return false
	}
	c.latch()
	c.phase = rtcPointer
	if read {
		c.phase = rtcRead
	}
	return true
}

func (c *DS3231) latch() {
	c.tick()
	copy(c.user[:], c.reg[:])
}

// Write implements Chip. A register takes its byte on the acknowledge.
func (c *DS3231) Write(b byte) (ack bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case rtcPointer:
		c.ptr = b % rtcRegs
		c.phase = rtcData
	case rtcData:
		c.store(b)
		c.advance()
	default:
		return false
	}
	return true
}

func (c *DS3231) store(b byte) {
	c.tick()
	switch r := &c.reg[c.ptr]; c.ptr {
	case 0x00:
		c.mark = time.Now() // writing the seconds restarts the countdown chain
		*r = b
	case rtcControl:
		*r = b &^ rtcConv // a conversion is over at once
	case rtcStatus:
		*r = *r&b&rtcFlags | b&rtcEN32kHz
	case rtcTemp, rtcTemp + 1:
	default:
		*r = b
	}
}

// Read implements Chip.
func (c *DS3231) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != rtcRead {
		return 0xFF
	}
	b := c.reg[c.ptr]
	if int(c.ptr) < len(c.user) {
		b = c.user[c.ptr]
	}
	c.advance()
	return b
}

func (c *DS3231) advance() {
	if c.ptr++; c.ptr == rtcRegs {
		c.ptr = 0
		c.latch()
	}
}

// Stop implements Chip.
func (c *DS3231) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = rtcDeaf
}

// Reset implements Chip: the battery carries the clock over it, only the
// interface starts anew.
func (c *DS3231) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = rtcDeaf
}

// tick counts the seconds that have passed. Registers that hold no time stand
// still; the datasheet leaves it undefined.
func (c *DS3231) tick() {
	second := time.Duration(float64(time.Second) / (1 + c.ppm/1e6))
	n := time.Since(c.mark) / second
	if n <= 0 {
		return
	}
	c.mark = c.mark.Add(n * second)
	if v, ok := takeCivil(&c.reg); ok {
		v.add(n * time.Second)
		v.put(&c.reg)
	}
}
