// Package machine is one whole clock: the housing that stays while firmware
// comes and goes.
//
// It opens the board, runs the boot loader over the firmware, and closes the
// board again.
package machine

import (
	"context"
	"errors"
	"log/slog"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/firmware"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/linux"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/task"
	"wordclockd/internal/timekeeper"
)

// Config is what a machine is made of.
type Config struct {
	config.Config
	Desc  flash.Desc // of this program as an image
	Log   *slog.Logger
	Front func(context.Context, clock.Service) error
}

// A Machine is a clock that can be run.
type Machine struct {
	c   Config
	sim *sim.Board // nil on a real board
}

// New returns the machine that c describes, powered but not running.
func New(c Config) *Machine {
	m := &Machine{c: c}
	if c.Board.Kind == config.Sim {
		m.sim = sim.NewBoard()
	}
	return m
}

// Sim returns the simulated board, nil if the board is real.
func (m *Machine) Sim() *sim.Board { return m.sim }

// Run runs the clock until ctx is done. When it returns nil, the LEDs of all
// rows that answer are dark.
func (m *Machine) Run(ctx context.Context) (err error) {
	fw := firmware.Config{Zone: m.c.Device.Zone, Log: m.c.Log, Front: m.c.Front}
	if m.sim != nil {
		// Hosts of a virtual clock are often not disciplined, and still the
		// best clock there is.
		fw.Board, fw.Synced = m.sim.Board, func() (bool, error) { return true, nil }
	} else {
		b, e := linux.Open(linux.Config{LEDsBus: m.c.Board.LEDsBus, SensorsBus: m.c.Board.SensorsBus}, m.c.Log)
		if e != nil {
			return e
		}
		defer func() {
			if !errors.Is(err, task.ErrNotStopped) { // else closing would wait for what hangs
				err = errors.Join(err, b.Close())
			}
		}()
		fw.Board, fw.Synced = b.Board, timekeeper.KernelSynced
	}
	m.c.Log.Info("clock starts", "event", "start", "version", m.c.Desc.Version, "board", m.c.Board.Kind, "zone", m.c.Device.Zone.String())
	l := boot.Loader{Desc: m.c.Desc}
	return l.Run(ctx, firmware.App(fw))
}
