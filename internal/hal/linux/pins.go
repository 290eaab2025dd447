package linux

import (
	"errors"
	"fmt"
	"io"
	"log"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// A line is a pin of a GPIO chip.
type line interface {
	gpio.PinIO
	Close()
}

// findLine returns the line with a name, as the kernel has it. Periph opens all GPIO
// chips of the host when it is first asked, keeps them open, and tells the standard log
// of each that it cannot open.
func findLine(name string) (line, error) {
	was := log.Writer()
	log.SetOutput(io.Discard)
	defer log.SetOutput(was)
	if err := keepStdin(func() error { _, err := driverreg.Init(); return err }); err != nil {
		return nil, err
	}
	for _, chip := range gpioioctl.Chips {
		if l := chip.ByName(name); l != nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no line %s on the GPIO chips that may be used, %d of them: gpioinfo lists names; the user has to be in the group of /dev/gpiochip*, often gpio", name, len(gpioioctl.Chips))
}

// keepStdin calls f, which may close file descriptor 0: so does periph when it closes a
// chip that has two nodes, as on a Raspberry Pi. The next line would be opened as 0, which
// periph takes for one that is not open.
func keepStdin(f func() error) error {
	kept, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("keep standard input: %w", err)
	}
	defer unix.Close(kept)
	err = f()
	if _, closed := unix.FcntlInt(0, unix.F_GETFD, 0); closed != nil {
		err = errors.Join(err, unix.Dup3(kept, 0, 0))
	}
	return err
}

// LineUser returns who uses the line with a name; "" is nobody.
func LineUser(name string) (string, error) {
	l, err := findLine(name)
	if err != nil {
		return "", err
	}
	if used, ok := l.(interface{ Consumer() string }); ok {
		return used.Consumer(), nil
	}
	return "", nil
}

// An openDrain is a line that is either driven low, or let go. It is never driven high:
// the chips on it may have a supply of their own.
type openDrain struct{ line }

// Out implements gpio.PinOut.
func (d openDrain) Out(l gpio.Level) error {
	if l == gpio.High {
		return d.In(gpio.PullUp, gpio.NoEdge)
	}
	return d.line.Out(gpio.Low)
}

// edgeWait is how long a wait for an edge lasts at most after Halt.
const edgeWait = 100 * time.Millisecond

// A button is a line whose Halt ends a wait for an edge, which periph's does not if the
// wait is about to begin.
type button struct {
	line
	halted atomic.Bool
}

// In implements gpio.PinIn.
func (b *button) In(p gpio.Pull, e gpio.Edge) error {
	b.halted.Store(false)
	return b.line.In(p, e)
}

// Halt implements conn.Resource.
func (b *button) Halt() error {
	b.halted.Store(true)
	return nil
}

// WaitForEdge implements gpio.PinIn; a negative timeout is for ever.
func (b *button) WaitForEdge(timeout time.Duration) bool {
	begin := time.Now()
	for !b.halted.Load() {
		d := edgeWait
		if timeout >= 0 {
			if d = min(d, timeout-time.Since(begin)); d <= 0 {
				return false
			}
		}
		step := time.Now()
		if b.line.WaitForEdge(d) {
			return true
		}
		time.Sleep(d - time.Since(step)) // a line that is broken does not wait
	}
	return false
}
