// Package linux is a Board made of the kernel's devices: I²C buses as /dev/i2c-N, pins of
// GPIO chips, and an ADS1115 for the potentiometer.
package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/host/v3/sysfs"

	"wordclockd/internal/hal"
)

// Timeout is when an adapter is told to give up on a transaction. The longest
// of ours takes 2 ms at 100 kHz; the kernel's own limit is a second.
const Timeout = 100 * time.Millisecond

// Config says where the chips hang.
type Config struct {
	LEDsBus    int // N of /dev/i2c-N
	SensorsBus int // may be the same
	ADC        ADC

	// Lines of GPIO chips by their names; "" is not wired.
	Reset, Button     string
	NetLamp, TimeLamp string
}

// A Board is a hal.Board of open files.
type Board struct {
	hal.Board
	buses map[int]i2c.Bus // by their numbers
	open  []func() error
}

// A kernel is where the devices come from.
type kernel struct {
	adapter func(n int) (i2c.BusCloser, error)
	line    func(name string) (line, error)
}

// Open opens buses and pins. No chip has to be there. Without the LED bus there is
// no clock, so that is an error; without anything else there is one, so that
// is an event in the log.
func Open(c Config, log *slog.Logger) (*Board, error) {
	return kernel{openAdapter, findLine}.open(c, log)
}

func (k kernel) open(c Config, log *slog.Logger) (*Board, error) {
	b := &Board{buses: map[int]i2c.Bus{}}
	leds, err := k.bus(b, c.LEDsBus)
	if err != nil {
		return nil, fmt.Errorf("open LED bus: %w", err)
	}
	b.LEDs = leds
	if c.SensorsBus == c.LEDsBus {
		b.LEDs, b.Sensors = hal.Share(leds)
		b.buses[c.SensorsBus] = b.Sensors
		log.Warn("LED drivers and RTC share one bus, where 0x68 is the RTC's address and, whenever a driver was reset, "+
			"LED All-Call too: All-Call is cleared before each access to the RTC; two buses avoid the conflict",
			"event", "shared_bus", "bus", c.LEDsBus)
	} else if b.Sensors, err = k.bus(b, c.SensorsBus); err != nil {
		log.Error("no sensor bus, so no RTC and no light sensor", "event", "no_sensor_bus", "err", err)
	}
	k.extras(b, c, log)
	return b, nil
}

// bus returns a bus, which is opened unless it is. An error is no bus.
func (k kernel) bus(b *Board, n int) (i2c.Bus, error) {
	if bus := b.buses[n]; bus != nil {
		return bus, nil
	}
	adapter, err := k.adapter(n)
	if err != nil {
		return nil, err
	}
	b.open = append(b.open, adapter.Close)
	b.buses[n] = hal.NewWire(adapter)
	return b.buses[n], nil
}

// extras opens what a clock can do without.
func (k kernel) extras(b *Board, c Config, log *slog.Logger) {
	let := func(l line) error { return openDrain{l}.Out(gpio.High) }
	listen := func(l line) error { return l.In(gpio.PullUp, gpio.BothEdges) }
	darken := func(l line) error { return l.Out(gpio.Low) }
	for _, x := range []struct {
		key, name string
		prepare   func(line) error
		use       func(line)
	}{
		{"board.reset_pin", c.Reset, let, func(l line) { b.Reset = openDrain{l} }},
		{"board.button_pin", c.Button, listen, func(l line) { b.Button = &button{line: l} }},
		{"board.lamps.net", c.NetLamp, darken, func(l line) { b.NetLamp = l }},
		{"board.lamps.time", c.TimeLamp, darken, func(l line) { b.TimeLamp = l }},
	} {
		if x.name == "" {
			continue
		}
		if l, err := k.pin(b, x.name, x.prepare); err == nil {
			x.use(l)
		} else {
			log.Error("a pin cannot be used, and the clock goes on without it", "event", "no_pin", "key", x.key, "pin", x.name, "err", err)
		}
	}
	if c.ADC.Bus == 0 {
		return
	}
	bus, err := k.bus(b, c.ADC.Bus)
	if err == nil {
		b.Pot, err = openADC(bus, c.ADC)
	}
	if err != nil {
		log.Error("no converter for the knob, and the clock goes on without it", "event", "no_adc", "key", "board.adc.bus", "err", err)
	}
}

// pin opens a line that is wired, and prepares it.
func (k kernel) pin(b *Board, name string, prepare func(line) error) (line, error) {
	l, err := k.line(name)
	if err != nil {
		return nil, err
	}
	if err := prepare(l); err != nil {
		l.Close()
		return nil, fmt.Errorf("%w: something else may use it, see gpioinfo", err)
	}
	b.open = append(b.open, func() error { l.Close(); return nil })
	return l, nil
}

// Close closes buses and pins.
func (b *Board) Close() error {
	var errs []error
	for _, c := range b.open {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// OpenBus opens /dev/i2c-n alone, for a look at what hangs there.
func OpenBus(n int) (i2c.BusCloser, error) { return openAdapter(n) }

// i2cTimeout is the ioctl I2C_TIMEOUT of linux/i2c-dev.h, in units of 10 ms.
const i2cTimeout = 0x0702

// openAdapter opens /dev/i2c-n, and limits how long a transaction may hang.
func openAdapter(n int) (i2c.BusCloser, error) {
	name := fmt.Sprintf("/dev/i2c-%d", n)
	if err := limit(name); err != nil {
		return nil, err
	}
	return sysfs.NewI2C(n)
}

// limit sets the time-out of an adapter. It is the adapter's, so it outlives
// the file that it is set by.
func limit(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: enable I²C (on a Raspberry Pi dtparam=i2c_arm=on, module i2c-dev), or name another bus", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened: add the user to its group, often i2c", name)
	case err != nil:
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), i2cTimeout, int(Timeout/(10*time.Millisecond))); err != nil {
		return fmt.Errorf("%s is no I²C adapter: set time-out: %w", name, err)
	}
	return nil
}
