package sim

import (
	"sync"

	"periph.io/x/conn/v3/analog"
	"periph.io/x/conn/v3/physic"
)

// A Knob is a potentiometer between ground and 3.3 V, on a 12-bit converter.
// It implements analog.PinADC.
type Knob struct {
	pin

	mu    sync.Mutex
	v     physic.ElectricPotential
	noise int // counts, up and down
	reads int
	err   error
}

// NewKnob returns a knob that is turned down.
func NewKnob() *Knob { return &Knob{pin: pin{"knob", "ADC"}} }

const (
	knobMax  = 3300 * physic.MilliVolt
	knobFull = 4095
)

// Turn sets the tension that the converter sees, within its range.
func (k *Knob) Turn(v physic.ElectricPotential) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.v = min(max(v, 0), knobMax)
}

// TurnTo sets the position, from 0 to 1.
func (k *Knob) TurnTo(part float64) { k.Turn(physic.ElectricPotential(part * float64(knobMax))) }

// Noise has readings be off by up to n counts of the converter, each by another number.
func (k *Knob) Noise(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.noise = n
}

// Fail makes every Read return err, until it is nil.
func (k *Knob) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// Range implements analog.PinADC.
func (k *Knob) Range() (least, most analog.Sample) {
	return analog.Sample{}, analog.Sample{V: knobMax, Raw: knobFull}
}

// Read implements analog.PinADC.
func (k *Knob) Read() (analog.Sample, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return analog.Sample{}, k.err
	}
	v := k.v
	if k.noise > 0 {
		k.reads++
		off := k.reads*5%(2*k.noise+1) - k.noise
		v = min(max(v+physic.ElectricPotential(off)*knobMax/knobFull, 0), knobMax)
	}
	return analog.Sample{V: v, Raw: int32(v * knobFull / knobMax)}, nil
}
