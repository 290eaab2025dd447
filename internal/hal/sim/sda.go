package sim

import (
	"slices"
	"time"
)

// A grip is a chip that holds SDA low: in the middle of a byte it waits for clocks that
// do not come.
type grip struct {
	chip Chip
	firm bool          // clocks do not help
	wait time.Duration // until the adapter gives up
}

// A gripper is a chip that knows whether it holds SDA, as a reset ends that.
type gripper interface {
	grip(on bool)
	grips() bool
}

// seize is byte n on the wire, in which a chip may lose a clock.
func (b *Bus) seize(m harm, n int) {
	if m.seize != n || len(b.acks) == 0 {
		return
	}
	chip := b.acks[0]
	if c, ok := chip.(gripper); ok {
		c.grip(true)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grip = &grip{chip, m.firm, m.stuck}
}

// seized returns the grip on the bus; nil if SDA is free.
func (b *Bus) seized() *grip {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.grip == nil {
		return nil
	}
	c, ok := b.grip.chip.(gripper)
	if ok && !c.grips() || !slices.Contains(b.chips, b.grip.chip) {
		b.grip = nil
	}
	return b.grip
}

// giveUp is an adapter that waited for SDA in vain. It clears the bus, as those of Linux
// do: nine clocks, after which a chip that waits for the rest of a byte lets go (I²C
// specification UM10204, 3.1.16).
func (b *Bus) giveUp(g *grip) error {
	time.Sleep(g.wait)
	if !g.firm {
		b.release()
	}
	return errTimeout
}

// release has whoever holds SDA let go.
func (b *Bus) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.grip == nil {
		return
	}
	if c, ok := b.grip.chip.(gripper); ok {
		c.grip(false)
	}
	b.grip = nil
}
