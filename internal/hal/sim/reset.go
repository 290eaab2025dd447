package sim

import (
	"sync"

	"periph.io/x/conn/v3/gpio"
)

// A ResetPin is the line that resets all LED drivers while it is low. It implements
// gpio.PinOut.
type ResetPin struct {
	pin
	rows [10]*TLC59116 // Immutable.

	mu     sync.Mutex
	err    error
	pulses int
}

// Fail makes every Out return err, until it is nil.
func (p *ResetPin) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// Pulses returns how often the line went low.
func (p *ResetPin) Pulses() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pulses
}

// Out implements gpio.PinOut.
func (p *ResetPin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if l == gpio.Low {
		p.pulses++
	}
	for _, c := range p.rows {
		c.hold(l == gpio.Low)
	}
	return nil
}
