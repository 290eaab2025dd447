package sim

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/face"
	"wordclockd/internal/hal"
)

// A Board is a whole clock's hardware, and a view of it that no firmware has.
type Board struct {
	hal.Board

	LEDBus, SensorBus *Bus // one and the same on a shared board

	Rows  [10]*TLC59116
	RTC   *DS3231
	Light *BH1750
	Knob  *Knob
	Pin   *ResetPin // of the LED drivers
	Push  *Button
	Lamps struct{ Net, Time *Lamp }
	NTP   *TimeServer // all time servers of the network around the board
}

// NewBoard returns a board as it comes: power just applied, the RTC set to the
// present time, LEDs and sensors on two buses, in a well-lit room (which asks for the
// group level 180), the knob where it asks for 60.
func NewBoard() *Board {
	b := newBoard(NewBus("leds"), NewBus("sensors"))
	b.LEDs, b.Sensors = hal.NewWire(b.LEDBus), hal.NewWire(b.SensorBus)
	return b
}

// NewSharedBoard returns a board with all chips on one bus.
func NewSharedBoard() *Board {
	bus := NewBus("i2c")
	b := newBoard(bus, bus)
	b.LEDs, b.Sensors = hal.Share(hal.NewWire(bus))
	return b
}

func newBoard(leds, sensors *Bus) *Board {
	b := &Board{
		LEDBus:    leds,
		SensorBus: sensors,
		RTC:       NewDS3231(),
		Light:     NewBH1750(),
		Knob:      NewKnob(),
		Push:      NewButton(),
		NTP:       NewTimeServer(),
	}
	for row, addr := range hal.LEDAddrs {
		b.Rows[row] = NewTLC59116(addr)
		leds.Attach(b.Rows[row])
	}
	sensors.Attach(b.RTC, b.Light)
	b.RTC.Set(time.Now())
	b.Light.SetLux(425)
	b.Knob.Turn(730 * physic.MilliVolt)
	b.Pin = &ResetPin{pin: pin{"reset", "OUT"}, rows: b.Rows}
	b.Lamps.Net, b.Lamps.Time = NewLamp("network lamp"), NewLamp("time lamp")
	b.Pot, b.Reset, b.Button, b.NetLamp, b.TimeLamp = b.Knob, b.Pin, b.Push, b.Lamps.Net, b.Lamps.Time
	return b
}

// Lit returns what the eye sees: the level of each cell by row and column,
// from 0 to 255.
func (b *Board) Lit() (lit [10][16]uint8) {
	for row, c := range b.Rows {
		lit[row] = c.Lit()
	}
	return lit
}

// Seen returns which cells are lit at all.
func (b *Board) Seen() (m face.Mask) {
	for row, levels := range b.Lit() {
		for col, level := range levels {
			if level > 0 {
				m[row] |= 1 << col
			}
		}
	}
	return m
}

// Surge resets all LED drivers without telling anybody.
func (b *Board) Surge() {
	for _, c := range b.Rows {
		c.Reset()
	}
}
