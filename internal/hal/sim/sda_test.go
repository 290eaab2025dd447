package sim

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestSDA: a chip that lost a clock holds the bus against everybody until it has got nine
// more, which the adapter gives when it has waited; or until it is reset.
func TestSDA(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Fault
		read bool
		help func(*Bus, *TLC59116) // nil is none
		free bool                  // for the transaction after the next
	}{
		{name: "nine clocks", f: Fault{Byte: 7}, free: true},
		{name: "in the address", f: Fault{}, free: true},
		{name: "while it is read", f: Fault{Byte: 9}, read: true, free: true},
		{name: "firm", f: Fault{Byte: 7, Firm: true}},
		{"reset", Fault{Byte: 7, Firm: true}, false, func(_ *Bus, c *TLC59116) { c.Reset() }, true},
		{"reset line", Fault{Byte: 7, Firm: true}, false, func(_ *Bus, c *TLC59116) { c.hold(true); c.hold(false) }, true},
		{"unplugged", Fault{Byte: 7, Firm: true}, false, func(b *Bus, c *TLC59116) { b.Detach(c) }, true},
		{"healed", Fault{Byte: 7, Firm: true}, false, func(b *Bus, _ *TLC59116) { b.Heal() }, true},
		{name: "another chip is addressed", f: Fault{Addr: 0x61, Byte: 7}, free: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, chip := configured(t)
				other := NewTLC59116(0x61)
				b.Attach(other)
				c.f.Kind, c.f.Times = SDA, 1
				b.Inject(c.f)
				befallen := c.f.Addr != 0x61
				begin := time.Now()
				w, r := burst(2), []byte(nil)
				if c.read {
					w, r = w[:1], make([]byte, 16)
				}
				err := b.Tx(0x60, w, r)
				if took := time.Since(begin); befallen && (!errors.Is(err, syscall.ETIMEDOUT) || took < Timeout) || !befallen && err != nil {
					t.Errorf("after %s: error %v", took, err)
				}
				if c.help != nil {
					c.help(b, chip)
				}
				begin = time.Now()
				err = b.Tx(0x61, burst(3), nil)
				if took := time.Since(begin); c.free && befallen && (err != nil || took != 0) {
					t.Errorf("afterwards: after %s: error %v", took, err)
				}
				if !c.free && !errors.Is(err, syscall.ETIMEDOUT) {
					t.Errorf("afterwards: error %v", err)
				}
			})
		})
	}
}
