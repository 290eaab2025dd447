package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/hal"
	"wordclockd/internal/hal/ds3231"
)

// An Addr is the address of a chip on an I²C bus; as text 0x60.
type Addr uint16

func (a Addr) String() string { return fmt.Sprintf("0x%02X", uint16(a)) }

// MarshalText implements encoding.TextMarshaler.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// The addresses that a chip may have; those beyond are reserved (I²C-bus
// specification UM10204, 3.1.12).
const (
	firstAddr = 0x08
	lastAddr  = 0x77
)

// resetAddr is Software Reset of every TLC59116. It does nothing on a read, but
// nothing of ours may ever speak to it.
const resetAddr = 0x6B

// A bus that keeps its adapter waiting hangs, and asking on would take minutes:
// it is given up after hungInARow addresses in a row, or hungAtAll.
const (
	hungInARow = 3
	hungAtAll  = 8
)

// ErrHangs says that a bus keeps its adapter waiting at every address.
var ErrHangs = errors.New("the bus hangs")

// An Answer is an address at which somebody is.
type Answer struct {
	Addr   Addr   `json:"addr"`
	Driver string `json:"driver,omitempty"` // of the kernel; owns the chip, which therefore was not asked
	Chip   string `json:"chip,omitempty"`   // what it probably is
	Hung   bool   `json:"hung,omitempty"`   // it kept the adapter waiting until that gave up
}

// An Adapter is what was found on one bus. Its JSON is a contract.
type Adapter struct {
	Bus     int      `json:"bus"` // N of /dev/i2c-N
	Name    string   `json:"name"`
	Answers []Answer `json:"answers"`
	Error   string   `json:"error,omitempty"`  // why it was not asked, or not to its end
	Remedy  string   `json:"remedy,omitempty"` // what to do about that
}

// Buses returns the numbers of all buses that can be asked.
func (h Host) Buses() []int {
	nodes, _ := h.adapters()
	return nodes
}

// Scan asks each address of some buses by reading one byte, all buses at once.
// Chips that a driver of the kernel owns are named, not asked.
func Scan(ctx context.Context, h Host, buses ...int) ([]Adapter, error) {
	looks := make([]look[Adapter], len(buses))
	for i, n := range buses {
		looks[i] = look[Adapter]{
			run: func(ctx context.Context) Adapter { return h.scanAdapter(ctx, n) },
			late: Adapter{Bus: n, Name: h.adapterName(n), Answers: []Answer{},
				Error: leftBehind, Remedy: remedyHang},
		}
	}
	return examine(ctx, looks)
}

func (h Host) scanAdapter(ctx context.Context, n int) Adapter {
	a := Adapter{Bus: n, Name: h.adapterName(n), Answers: []Answer{}}
	if f := h.node(n); f.Level == Fault {
		a.Error, a.Remedy = f.Text, f.Remedy
		return a
	}
	bus, err := h.Open(n)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer bus.Close()
	a.Answers, err = sweep(ctx, hal.NewWire(bus), h.owners(n))
	if err != nil {
		a.Error = err.Error()
	}
	if errors.Is(err, ErrHangs) {
		a.Remedy = remedyHang
	}
	return a
}

// sweep asks every address. The error is ErrHangs, that of ctx, or that of an
// adapter that cannot read at all; the answers until then are returned with it.
func sweep(ctx context.Context, bus i2c.Bus, owners map[Addr]string) (answers []Answer, err error) {
	row, total := 0, 0
	for addr := Addr(firstAddr); addr <= lastAddr; addr++ {
		if ctx.Err() != nil {
			return answers, fmt.Errorf("asked up to %s: %w", addr-1, context.Cause(ctx))
		}
		if driver := owners[addr]; driver != "" {
			answers = append(answers, Answer{Addr: addr, Driver: driver, Chip: guess(addr)})
			continue
		}
		if addr == resetAddr {
			continue
		}
		err := bus.Tx(uint16(addr), nil, make([]byte, 1))
		switch {
		case err == nil:
			row = 0
			answers = append(answers, Answer{Addr: addr, Chip: guess(addr)})
		case hal.IsHung(err):
			row, total = row+1, total+1
			answers = append(answers, Answer{Addr: addr, Chip: guess(addr), Hung: true})
			if row == hungInARow || total == hungAtAll {
				return answers, fmt.Errorf("%w: the adapter waited in vain at %d addresses up to %s", ErrHangs, total, addr)
			}
		case cannotRead(err):
			return answers, fmt.Errorf("ask by reading: %w", errors.Unwrap(err))
		default:
			row = 0
		}
	}
	return answers, nil
}

// cannotRead tells an adapter that can do no plain I²C, only SMBus, from a chip
// that is not there. Periph keeps only the text of EOPNOTSUPP.
func cannotRead(err error) bool { return strings.Contains(err.Error(), "not supported") }

// guess says what a chip at an address probably is.
func guess(addr Addr) string {
	switch {
	case slices.Contains(hal.LEDAddrs[:], uint16(addr)):
		return fmt.Sprintf("TLC59116, row %d", slices.Index(hal.LEDAddrs[:], uint16(addr)))
	case addr == ds3231.Addr:
		return "DS3231, or LED All-Call of TLC59116 that were reset"
	case addr == hal.LightAddr:
		return "BH1750"
	case addr == 0x5C:
		return "BH1750 with ADDR high"
	case addr >= 0x48 && addr <= 0x4B:
		return "ADS1115"
	case addr >= 0x50 && addr <= 0x57:
		return "EEPROM, such as AT24C32 on an RTC board"
	}
	return ""
}
