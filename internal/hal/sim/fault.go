package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Kind of fault.
type Kind uint8

const (
	Nack     Kind = iota // Byte is not acknowledged, and not taken; only what a chip takes can be
	Stuck                // a wire is held low until the adapter gives up
	Flip                 // the bits of Mask in Byte are inverted
	BrownOut             // the supply breaks down in Byte, which is lost
	Slow                 // each byte takes Delay
	SDA                  // the addressed chip loses a clock in Byte, and goes on holding SDA low
)

var kinds = [...]string{"nack", "stuck", "flip", "brownout", "slow", "sda"}

func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kinds[k]
}

// ParseKind is the inverse of [Kind.String].
func ParseKind(name string) (Kind, error) {
	if i := slices.Index(kinds[:], name); i >= 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("fault %q: want %s", name, strings.Join(kinds[:], ", "))
}

// A Fault befalls messages on a bus.
type Fault struct {
	Kind  Kind
	Addr  uint16        // of the messages that it befalls; 0 means all
	Byte  int           // of the message; 0 is the address and, in bit 0, R/W
	Mask  byte          // Flip
	Delay time.Duration // Slow; for Stuck and SDA, how long it takes, Timeout if 0
	Firm  bool          // SDA: nine clocks do not make it let go, only a reset does
	Whole bool          // BrownOut: of all chips on the bus, not of the addressed alone
	Times int           // how many messages it befalls before it is over; 0 means it stays
}

// Inject adds a fault. It lasts for f.Times messages, or until heal is called.
func (b *Bus) Inject(f Fault) (heal func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &f
	b.faults = append(b.faults, p)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = slices.DeleteFunc(b.faults, func(x *Fault) bool { return x == p })
	}
}

// Heal ends all faults.
func (b *Bus) Heal() {
	b.release()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

// harm is what befalls one message. Bytes are counted as in Fault; -1 is none.
type harm struct {
	nack, brownOut int
	flipped, seize int
	mask           byte
	whole, firm    bool
	stuck, slow    time.Duration
}

// strikes collects the faults that befall a message of n bytes to addr, and
// counts them down.
func (b *Bus) strikes(addr uint16, read bool, n int) harm {
	m := harm{nack: -1, brownOut: -1, flipped: -1, seize: -1}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = slices.DeleteFunc(b.faults, func(f *Fault) (over bool) {
		if f.Addr != 0 && f.Addr != addr || f.Byte > n || f.Kind == Nack && read && f.Byte > 0 {
			return false
		}
		m.add(f)
		if f.Times == 0 {
			return false
		}
		f.Times--
		return f.Times == 0
	})
	return m
}

func (m *harm) add(f *Fault) {
	switch f.Kind {
	case Nack:
		m.nack = f.Byte
	case Stuck:
		m.stuck = cmp.Or(f.Delay, Timeout)
	case Flip:
		m.flipped, m.mask = f.Byte, f.Mask
	case BrownOut:
		m.brownOut, m.whole = f.Byte, f.Whole
	case Slow:
		m.slow = f.Delay
	case SDA:
		m.seize, m.firm, m.stuck = f.Byte, f.Firm, cmp.Or(f.Delay, Timeout)
	}
}

func (m harm) flip(n int, v byte) byte {
	if n == m.flipped {
		v ^= m.mask
	}
	return v
}
