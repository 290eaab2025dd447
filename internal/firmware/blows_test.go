package firmware

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/sim"
)

// blows are all that can happen to a clock.
var blows = append([]blow{
	{6, func(s *storm) (string, func()) { return inject(s.board.LEDBus, s.fault(true, ledAddrs...)) }},
	{3, (*storm).poke},
	{2, func(s *storm) (string, func()) { return s.turnOff() }},
}, darkBlows...)

// darkBlows are those of them by which nothing is lit.
var darkBlows = []blow{
	{6, func(s *storm) (string, func()) { return inject(s.board.LEDBus, s.fault(false, ledAddrs...)) }},
	{4, (*storm).hurtSensors},
	{2, func(s *storm) (string, func()) { s.board.Surge(); return "surge", nil }},
	{3, (*storm).resetRow},
	{3, (*storm).takeRow},
	{2, (*storm).loseSensor},
	{1, func(s *storm) (string, func()) { s.board.Light.Reset(); return "light sensor reset", nil }},
	{1, func(s *storm) (string, func()) {
		s.board.Pin.Fail(errBroken)
		return "reset line broken", func() { s.board.Pin.Fail(nil) }
	}},
	{6, (*storm).shine},
	{6, (*storm).turnKnob},
	{2, func(s *storm) (string, func()) {
		s.board.Knob.Fail(errBroken)
		return "converter broken", func() { s.board.Knob.Fail(nil) }
	}},
	{4, (*storm).hurtBroker},
	{3, (*storm).hurtServer},
	{3, (*storm).freeHost},
	{1, func(s *storm) (string, func()) {
		s.slept.Add(int64(10 * time.Minute))
		return "host was suspended", nil
	}},
	{2, (*storm).hurtRTC},
	{2, func(s *storm) (string, func()) {
		d := s.wait(8 * time.Second)
		s.board.Push.PressFor(d)
		return fmt.Sprintf("button for %s", d), nil
	}},
	{8, (*storm).change},
	{4, (*storm).command},
}

var errBroken = errors.New("broken")

// row returns one of the LED drivers.
func (s *storm) row() (row int, c *sim.TLC59116) {
	row = s.random.IntN(len(s.board.Rows))
	return row, s.board.Rows[row]
}

func (s *storm) resetRow() (string, func()) {
	row, c := s.row()
	c.Reset()
	return fmt.Sprintf("row %d reset", row), nil
}

func (s *storm) takeRow() (string, func()) {
	row, c := s.row()
	s.board.LEDBus.Detach(c)
	return fmt.Sprintf("row %d gone", row), func() {
		if s.random.IntN(2) == 0 {
			c.Reset()
		}
		s.back(s.board.LEDBus, c)
	}
}

// poke changes a register of an LED driver.
func (s *storm) poke() (string, func()) {
	row, _ := s.row()
	w := []byte{uint8(s.random.IntN(0x1C)), uint8(s.random.IntN(256))}
	err := s.board.LEDBus.Tx(hal.LEDAddrs[row], w, nil)
	return fmt.Sprintf("row %d: register %02x is %02x, %v", row, w[0], w[1], err), nil
}

func (s *storm) hurtSensors() (string, func()) {
	f := s.fault(true, hal.RTCAddr, hal.LightAddr)
	s.lied = s.lied || f.Kind == sim.Flip && f.Addr != hal.LightAddr
	return inject(s.board.SensorBus, f)
}

func (s *storm) loseSensor() (string, func()) {
	c := []sim.Chip{s.board.Light, s.board.RTC}[s.random.IntN(2)]
	s.board.SensorBus.Detach(c)
	return fmt.Sprintf("%T gone", c), func() { s.back(s.board.SensorBus, c) }
}

func (s *storm) shine() (string, func()) {
	lux := math.Floor(math.Exp(s.random.Float64()*math.Log(40000))) - 1
	s.board.Light.SetLux(lux)
	return fmt.Sprintf("%g lx", lux), nil
}

func (s *storm) turnKnob() (string, func()) {
	part := s.random.Float64()
	if s.random.IntN(3) == 0 {
		part = math.Round(part)
	}
	s.board.Knob.TurnTo(part)
	return fmt.Sprintf("knob at %.3f", part), nil
}

func (s *storm) hurtBroker() (string, func()) {
	switch s.random.IntN(5) {
	case 0:
		s.hub.plug(false)
		return "cable to the broker out", func() { s.hub.plug(true) }
	case 1:
		s.slow.Store(int64(s.wait(3 * time.Second)))
		return "broker slow", func() { s.slow.Store(0) }
	case 2:
		s.stuck.Store(true)
		return "wire to the broker stuck", func() {
			s.stuck.Store(false)
			s.hub.plug(false) // what was lost on it is never made up for
			s.hub.plug(true)
		}
	case 3:
		s.hub.plug(false) // retained is what comes with the connection
		time.Sleep(time.Second)
		s.hub.litter()
		return "garbage on the topics", func() { s.hub.plug(true) }
	}
	s.hub.twin(s)
	return "a twin at the broker", nil
}

func (s *storm) hurtServer() (string, func()) {
	name := slices.Sorted(maps.Keys(s.servers))[s.random.IntN(len(s.servers))]
	x := s.servers[name]
	heal := func() { x.SetFault(sim.Up); x.SetOffset(0) }
	if s.random.IntN(2) == 0 {
		s.lied = true
		off := s.wait(2*time.Hour) - time.Hour
		x.SetOffset(off)
		return fmt.Sprintf("server %s off by %s", name, off), heal
	}
	f := sim.ServerFault(1 + s.random.IntN(5))
	x.SetFault(f)
	return fmt.Sprintf("server %s %s", name, f), heal
}

// freeHost lets the host lose its time servers.
func (s *storm) freeHost() (string, func()) {
	s.synced.Store(false)
	return "host free", func() { s.synced.Store(true) }
}

func (s *storm) hurtRTC() (string, func()) {
	switch c := s.board.RTC; s.random.IntN(3) {
	case 0:
		c.PowerLoss()
		return "RTC without power", nil
	case 1:
		s.lied = true
		c.Set(time.Now().Add(s.wait(48*time.Hour) - 24*time.Hour))
		return "RTC wrong", nil
	default:
		s.lied = true // an hour is an hour
		reg, v := s.random.IntN(7), uint8(s.random.IntN(256))
		c.Poke(reg, v)
		return fmt.Sprintf("RTC: register %02x is %02x", reg, v), nil
	}
}

// change changes a setting as a front end does.
func (s *storm) change() (string, func()) {
	f := &clock.Fields[s.random.IntN(len(clock.Fields))]
	if f.Key == "display.on" || f.Key == "validation.enabled" || f.Key == "validation.interval_s" {
		f = &clock.Fields[slices.IndexFunc(clock.Fields, func(f clock.Field) bool { return f.Key == "brightness.individual" })]
	}
	e := clock.Edit{Key: f.Key}
	switch f.Kind {
	case clock.Bool:
		e.Value = s.random.IntN(2) == 0
	case clock.Integer:
		e.Value = f.Min + s.random.IntN(f.Max-f.Min+1)/f.Step*f.Step
	case clock.Choice:
		e.Value = f.Options[s.random.IntN(len(f.Options))]
	case clock.Text:
		windows := []string{"", "16:30-16:32 off", "fri 13:00-17:00 dim 12", "thu,fri 16:31-16:00 dim 40; 16:33-16:34 off"}
		e.Value = windows[s.random.IntN(len(windows))]
	}
	_, err := s.service.Change(s.Context(), func(x *clock.Settings) error { return clock.Apply(x, []clock.Edit{e}) })
	return fmt.Sprintf("%s %v: %v", e.Key, e.Value, err), nil
}

// turnOff has nothing lit.
func (s *storm) turnOff() (string, func()) {
	s.set(s, clock.Edit{Key: "display.on", Value: false})
	return "off", func() { s.set(s, clock.Edit{Key: "display.on", Value: true}) }
}

// command gives one that leaves the clock as it is, or undoes it.
func (s *storm) command() (string, func()) {
	names := []string{clock.RefreshSensors, clock.ResetLEDs, clock.CheckHealth, clock.ForceNTPSync, clock.ClearJournal, clock.ResetWiFi, clock.StartDemo}
	name := names[s.random.IntN(len(names))]
	var heal func()
	if name == clock.StartDemo {
		heal = func() { s.give(clock.StopDemo) }
	}
	return fmt.Sprintf("%s: %v", name, s.give(name)), heal
}

// give gives a command, and waits a while for what becomes of it.
func (s *storm) give(name string) error {
	ctx, cancel := context.WithTimeout(s.Context(), 3*time.Second)
	defer cancel()
	_, err := s.service.Do(ctx, clock.Command{Name: name})
	return err
}
