// Package linux is a Board made of the kernel's devices: I²C buses as /dev/i2c-N.
package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
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
}

// A Board is a hal.Board whose buses are open files.
type Board struct {
	hal.Board
	open []i2c.BusCloser
}

// Open opens the buses. No chip has to be there. Without the LED bus there is
// no clock, so that is an error; without the sensor bus there is one, so that
// is an event in the log.
func Open(c Config, log *slog.Logger) (*Board, error) {
	return open(c, log, openAdapter)
}

func open(c Config, log *slog.Logger, adapter func(n int) (i2c.BusCloser, error)) (*Board, error) {
	leds, err := adapter(c.LEDsBus)
	if err != nil {
		return nil, fmt.Errorf("open LED bus: %w", err)
	}
	b := &Board{open: []i2c.BusCloser{leds}}
	b.LEDs = hal.NewWire(leds)
	if c.SensorsBus == c.LEDsBus {
		b.LEDs, b.Sensors = hal.Share(b.LEDs)
		log.Warn("LED drivers and RTC share one bus, where 0x68 is the RTC's address and, whenever a driver was reset, "+
			"LED All-Call too: All-Call is cleared before each access to the RTC; two buses avoid the conflict",
			"event", "shared_bus", "bus", c.LEDsBus)
		return b, nil
	}
	sensors, err := adapter(c.SensorsBus)
	if err != nil {
		log.Error("no sensor bus, so no RTC and no light sensor", "event", "no_sensor_bus", "err", err)
		return b, nil
	}
	b.open = append(b.open, sensors)
	b.Sensors = hal.NewWire(sensors)
	return b, nil
}

// Close closes the buses.
func (b *Board) Close() error {
	var errs []error
	for _, bus := range b.open {
		errs = append(errs, bus.Close())
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
