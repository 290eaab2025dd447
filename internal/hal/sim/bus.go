// Package sim is a Board of chip models that are right to the register.
//
// What is simulated is only what stands at the far end of a wire. Drivers,
// panel and clock above it are those of the real thing, and tests see what a
// person would see, by [Board.Lit].
//
// # Faults
//
// A bus takes faults by [Bus.Inject]: a chip that does not acknowledge, a wire
// that is stuck, inverts bits or is slow, a supply that breaks down between
// two bytes, a chip that goes on holding SDA. A chip that is not there is one that is detached.
package sim

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"periph.io/x/conn/v3/physic"
)

// A Chip is the model of one chip on a bus. The bus calls it byte by byte, one
// call at a time.
type Chip interface {
	// Start tells of a START or repeated START and the address after it.
	// The chip says whether it acknowledges.
	Start(addr uint16, read bool) (ack bool)
	// Write hands a byte to a chip that acknowledged the last one.
	Write(b byte) (ack bool)
	// Read asks for the next byte of a chip that acknowledged its address.
	Read() byte
	// Stop tells of the STOP that ends a transfer the chip took part in.
	Stop()
	// Reset is a supply that dips below the chip's power-on threshold.
	Reset()
}

// Errors of a transaction, as Linux gives them on a Raspberry Pi.
const (
	errNack    = syscall.EREMOTEIO
	errTimeout = syscall.ETIMEDOUT
)

// Timeout is when the adapter gives up on a wire that does not move.
const Timeout = 100 * time.Millisecond

// clocksPerByte is eight bits and the acknowledge.
const clocksPerByte = 9

// A Bus is two wires with chips on them. It implements i2c.Bus and is safe for
// concurrent use.
type Bus struct {
	name string        // Immutable.
	held chan struct{} // full during a transfer: whoever holds the bus may sleep
	bit  atomic.Int64  // ns of one clock on the wire; 0 takes no time

	// Owned by the holder.
	open   bool   // by a Msg without STOP
	heard  []Chip // took part since the last STOP
	acks   []Chip // acknowledged all of the present message
	clocks int64  // of the present message

	mu     sync.Mutex
	chips  []Chip
	faults []*Fault
	grip   *grip // on SDA; nil is none
}

// NewBus returns a bus without chips.
func NewBus(name string) *Bus { return &Bus{name: name, held: make(chan struct{}, 1)} }

func (b *Bus) String() string { return b.name }

// SetSpeed implements i2c.Bus: from now on a transfer takes as long as on a wire of that
// speed, nine clocks for a byte, and one each for START and STOP. Before the first call
// it takes no time.
func (b *Bus) SetSpeed(f physic.Frequency) error {
	if f <= 0 {
		return fmt.Errorf("set speed of %s to %s: %w", b, f, syscall.EINVAL)
	}
	b.bit.Store(int64(f.Period()))
	return nil
}

// Attach puts chips on the bus.
func (b *Bus) Attach(chips ...Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chips = slices.Concat(b.chips, chips)
}

// Detach takes a chip off the bus. It keeps its state.
func (b *Bus) Detach(c Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chips = slices.DeleteFunc(slices.Clone(b.chips), func(x Chip) bool { return x == c })
}

// Tx implements i2c.Bus: w is written, r is read after a repeated START, a
// STOP follows. Without either, nothing goes over the wire and nothing fails.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	if len(w)+len(r) == 0 {
		return nil
	}
	b.held <- struct{}{}
	defer func() { <-b.held }()
	if len(w) > 0 {
		if err := b.message(addr, false, w, len(r) == 0); err != nil {
			return err
		}
	}
	if len(r) > 0 {
		return b.message(addr, true, r, true)
	}
	return nil
}

// Msg sends one message of a transaction; without stop the bus stays held
// until a later Msg with it. It fails with a STOP in any case. A message
// without bytes asks whether anybody acknowledges addr. Msg is meant for one
// caller at a time.
func (b *Bus) Msg(addr uint16, read bool, p []byte, stop bool) error {
	if !b.open {
		b.held <- struct{}{}
	}
	err := b.message(addr, read, p, stop)
	if b.open = err == nil && !stop; !b.open {
		<-b.held
	}
	return err
}

// message runs START, address, bytes and, if asked for or after an error, STOP.
func (b *Bus) message(addr uint16, read bool, p []byte, stop bool) error {
	m := b.strikes(addr, read, len(p))
	b.clocks = 1
	err := b.transfer(m, addr, read, p)
	stop = stop || err != nil
	if stop {
		b.clocks++
	}
	time.Sleep(time.Duration(b.clocks * b.bit.Load()))
	if stop {
		for _, c := range b.heard {
			c.Stop()
		}
		b.heard = b.heard[:0]
	}
	return err
}

func (b *Bus) transfer(m harm, addr uint16, read bool, p []byte) error {
	if g := b.seized(); g != nil {
		return b.giveUp(g)
	}
	if m.stuck > 0 && m.seize < 0 {
		time.Sleep(m.stuck)
		return errTimeout
	}
	if err := b.address(m, addr, read); err != nil {
		return err
	}
	for i := range p {
		n := i + 1
		b.clocks += clocksPerByte
		b.byteTime(m, n)
		if g := b.seized(); g != nil {
			return b.giveUp(g)
		}
		if read {
			p[i] = m.flip(n, b.read())
		} else if !b.write(m.flip(n, p[i]), m.nack == n) {
			return errNack
		}
	}
	return nil
}

// address sends the first byte: seven bits of address, and R/W.
func (b *Bus) address(m harm, addr uint16, read bool) error {
	b.acks = b.acks[:0]
	b.clocks += clocksPerByte
	if m.nack == 0 {
		return errNack
	}
	v := byte(addr << 1)
	if read {
		v |= 1
	}
	v = m.flip(0, v)
	for _, c := range b.attached() {
		if c.Start(uint16(v>>1), v&1 != 0) {
			b.acks = append(b.acks, c)
			if !slices.Contains(b.heard, c) {
				b.heard = append(b.heard, c)
			}
		}
	}
	b.byteTime(m, 0)
	if g := b.seized(); g != nil {
		return b.giveUp(g)
	}
	if len(b.acks) == 0 {
		return errNack
	}
	return nil
}

// write hands a byte to every listener and reports whether any acknowledged.
// A chip that does not acknowledge takes no part in the rest.
func (b *Bus) write(v byte, nack bool) (ack bool) {
	if nack {
		return false
	}
	b.acks = slices.DeleteFunc(b.acks, func(c Chip) bool { return !c.Write(v) })
	return len(b.acks) > 0
}

// read returns the wired AND of all that drive the bus; nobody reads as 0xFF.
func (b *Bus) read() byte {
	v := byte(0xFF)
	for _, c := range b.acks {
		v &= c.Read()
	}
	return v
}

func (b *Bus) attached() []Chip {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chips
}

// byteTime is byte n on the wire, the address being byte 0: it takes as long as
// the wire is slow, and the supply may break down before a chip has taken it.
func (b *Bus) byteTime(m harm, n int) {
	if m.slow > 0 {
		time.Sleep(m.slow)
	}
	b.seize(m, n)
	if m.brownOut != n {
		return
	}
	chips := b.acks
	if m.whole {
		chips = b.attached()
	}
	for _, c := range chips {
		c.Reset()
	}
	b.acks = b.acks[:0]
}
