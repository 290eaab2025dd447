package sim

import (
	"sync"

	"periph.io/x/conn/v3/analog"
	"periph.io/x/conn/v3/physic"
)

// A Knob is a potentiometer between ground and 3.3 V, on a 12-bit converter.
// It implements analog.PinADC.
type Knob struct {
	mu  sync.Mutex
	v   physic.ElectricPotential
	err error
}

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
	return analog.Sample{V: k.v, Raw: int32(k.v * knobFull / knobMax)}, nil
}

func (k *Knob) String() string   { return k.Name() }
func (k *Knob) Name() string     { return "knob" }
func (k *Knob) Number() int      { return 0 }
func (k *Knob) Function() string { return "ADC" }

// Halt implements conn.Resource; there is nothing to halt.
func (k *Knob) Halt() error { return nil }
