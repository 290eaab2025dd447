package sim

import (
	"slices"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A Lamp is a status lamp between a pin and ground: high is lit. It implements
// gpio.PinOut.
type Lamp struct {
	pin

	mu      sync.Mutex
	changes []Lighting
	err     error
}

// A Lighting is since when a lamp is lit, or dark.
type Lighting struct {
	At  time.Time
	Lit bool
}

// mostChanges bounds what a lamp remembers.
const mostChanges = 128

// NewLamp returns a dark lamp.
func NewLamp(name string) *Lamp { return &Lamp{pin: pin{name, "OUT"}} }

// Out implements gpio.PinOut.
func (l *Lamp) Out(level gpio.Level) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if l.lit() == bool(level) {
		return nil
	}
	if len(l.changes) == mostChanges {
		l.changes = slices.Delete(l.changes, 0, mostChanges/2)
	}
	l.changes = append(l.changes, Lighting{time.Now(), bool(level)})
	return nil
}

// Fail makes every Out return err, until it is nil.
func (l *Lamp) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Lit reports whether the lamp is lit.
func (l *Lamp) Lit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lit()
}

func (l *Lamp) lit() bool { return len(l.changes) > 0 && l.changes[len(l.changes)-1].Lit }

// Changes returns the last ones, oldest first.
func (l *Lamp) Changes() []Lighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.changes)
}
