package sim

import (
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A Button is a key between a pin and ground: pressed is low. It implements gpio.PinIn,
// with a Halt that ends a wait for an edge; the next In undoes that.
type Button struct {
	pin
	edges chan struct{} // full if there was one since somebody waited
	halts chan struct{} // full if there is nothing to wait for

	mu    sync.Mutex
	down  bool
	until time.Time // it is released; zero is by hand
	err   error
}

// NewButton returns a button that is not pressed.
func NewButton() *Button {
	return &Button{pin: pin{"button", "IN"}, edges: make(chan struct{}, 1), halts: make(chan struct{}, 1)}
}

// Press holds the button down until Release.
func (b *Button) Press() { b.set(true, 0) }

// PressFor holds the button down for so long, and does not wait for it.
func (b *Button) PressFor(d time.Duration) { b.set(true, d) }

// Release lets go of the button.
func (b *Button) Release() { b.set(false, 0) }

func (b *Button) set(down bool, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	changed := b.down != down
	if b.down, b.until = down, (time.Time{}); d > 0 {
		b.until = time.Now().Add(d)
	}
	if changed || d > 0 {
		fill(b.edges) // whoever waits has to know of the time too
	}
}

// settle lets go of a button whose time is over.
func (b *Button) settle() {
	if !b.until.IsZero() && !time.Now().Before(b.until) {
		b.down, b.until = false, time.Time{}
		fill(b.edges)
	}
}

// Fail makes every In return err, and no wait last, until it is nil.
func (b *Button) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err = err; err != nil {
		fill(b.halts)
	}
}

// In implements gpio.PinIn.
func (b *Button) In(gpio.Pull, gpio.Edge) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	drain(b.edges)
	drain(b.halts)
	return nil
}

// Read implements gpio.PinIn.
func (b *Button) Read() gpio.Level {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	return gpio.Level(!b.down)
}

// Pressed reports whether the button is held down.
func (b *Button) Pressed() bool { return b.Read() == gpio.Low }

// WaitForEdge implements gpio.PinIn.
func (b *Button) WaitForEdge(timeout time.Duration) bool {
	expired := after(timeout)
	for {
		select {
		case <-b.edges:
			return true
		case <-b.halts:
			return false
		case <-expired:
			return false
		case <-after(b.left()):
			b.Read()
		}
	}
}

// left returns how long the button stays pressed; negative is not known.
func (b *Button) left() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return -1
	}
	return max(time.Until(b.until), 0)
}

// Halt implements conn.Resource.
func (b *Button) Halt() error {
	fill(b.halts)
	return nil
}

// Pull implements gpio.PinIn.
func (b *Button) Pull() gpio.Pull { return gpio.PullUp }

// DefaultPull implements gpio.PinIn.
func (b *Button) DefaultPull() gpio.Pull { return gpio.PullNoChange }

func fill(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
