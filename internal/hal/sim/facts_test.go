package sim

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
)

// TestFacts plays what the datasheets say against the models. A file of facts
// has one step on a line, or several with a semicolon between; numbers are
// hexadecimal:
//
//	w ADDR [BYTE...]     write, all of it acknowledged; then STOP
//	r ADDR = BYTE...     read these; then STOP
//	begin STEP           the step without its STOP
//	no STEP              the step is not acknowledged
//	lit LEVEL...         of the sixteen outputs
//	lux N                falls on the sensor
//	mv INPUT N           the tension at an input of the converter
//	sleep DURATION
//	power                dips
//	powerloss            of supply and battery
func TestFacts(t *testing.T) {
	for name, c := range map[string]func() Chip{
		"tlc59116": func() Chip { return NewTLC59116(0x65) },
		"ds3231":   func() Chip { return NewDS3231() },
		"bh1750":   func() Chip { return NewBH1750() },
		"ads1115":  func() Chip { return NewADS1115(0x48) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "facts", name+".txt")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				p := &player{bus: NewBus(name), chip: c()}
				p.bus.Attach(p.chip)
				for i, line := range strings.Split(string(text), "\n") {
					line, _, _ = strings.Cut(line, "#")
					for step := range strings.SplitSeq(line, ";") {
						if err := p.step(strings.Fields(step), true); err != nil {
							t.Errorf("%s:%d: %s: %v", file, i+1, strings.TrimSpace(step), err)
						}
					}
				}
			})
		})
	}
}

// A player performs the steps of a file of facts.
type player struct {
	bus  *Bus
	chip Chip
}

func (p *player) step(f []string, stop bool) error {
	if len(f) == 0 {
		return nil
	}
	verb, args := f[0], f[1:]
	switch verb {
	case "w":
		addr, bytes := parseStep(args)
		return p.bus.Msg(addr, false, bytes, stop)
	case "r":
		return p.read(args, stop)
	case "no":
		if err := p.step(args, stop); !errors.Is(err, errNack) {
			return fmt.Errorf("%v, want %v", err, errNack)
		}
		return nil
	case "begin":
		return p.step(args, false)
	case "lit":
		_, want := parseStep(append([]string{"0"}, args...))
		if got := p.chip.(*TLC59116).Lit(); string(got[:]) != string(want) {
			return fmt.Errorf("lit % x", got)
		}
		return nil
	case "lux":
		lux, err := strconv.ParseFloat(args[0], 64)
		p.chip.(*BH1750).SetLux(lux)
		return err
	case "mv":
		input, err := strconv.Atoi(args[0])
		mv, e := strconv.Atoi(args[1])
		p.chip.(*ADS1115).Set(input, physic.ElectricPotential(mv)*physic.MilliVolt)
		return errors.Join(err, e)
	case "sleep":
		d, err := time.ParseDuration(args[0])
		time.Sleep(d)
		return err
	case "power":
		p.chip.Reset()
		return nil
	case "powerloss":
		p.chip.(*DS3231).PowerLoss()
		return nil
	}
	return fmt.Errorf("unknown step")
}

// read takes "ADDR = BYTE...".
func (p *player) read(args []string, stop bool) error {
	addr, want := parseStep(slices.Concat(args[:1], args[2:]))
	got := make([]byte, len(want))
	if err := p.bus.Msg(addr, true, got, stop); err != nil {
		return err
	}
	if string(got) != string(want) {
		return fmt.Errorf("read % x", got)
	}
	return nil
}

func parseStep(args []string) (addr uint16, bytes []byte) {
	a, err := strconv.ParseUint(args[0], 16, 7)
	if err != nil {
		panic(err)
	}
	bytes, err = hex.DecodeString(strings.Join(args[1:], ""))
	if err != nil {
		panic(err)
	}
	return uint16(a), bytes
}
