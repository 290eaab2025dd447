// Package machine is one whole clock: the housing that stays while firmware
// comes and goes.
//
// It locks the state directory, opens the board and the control socket, runs the
// boot loader over the firmware, and closes everything again.
package machine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/broker"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
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
	State State      // "" keeps nothing, and listens nowhere
	Desc  flash.Desc // of this program as an image
	Built time.Time  // when its source was committed; zero if that is not known
	Log   *slog.Logger
	Front func(context.Context, clock.Service) error // nil is none

	// BrokerMoves says that nobody asked for the port of the embedded broker: if it is
	// in use, the next one does too.
	BrokerMoves bool
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
// rows that answer are dark. The error is a *BusyError if another clock has the
// state directory, a *boot.NothingError if nothing in the flash can be started, and
// a *boot.StuckError if the firmware did not end and the process has to.
func (m *Machine) Run(ctx context.Context) (err error) {
	if m.c.State == "" {
		f, err := m.inMemory()
		if err != nil {
			return err
		}
		return m.power(ctx, f)
	}
	lock, err := m.c.State.Create()
	if errors.Is(err, syscall.EROFS) {
		return m.runReadOnly(ctx, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	f, err := m.openOrMake(lock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = m.power(ctx, f)
	if stuck, ok := errors.AsType[*boot.StuckError](err); ok {
		m.c.State.leaveLast(stuck.Reason)
	}
	return err
}

// runReadOnly runs the clock where nothing can be written: from the flash that is
// there, but else as if it had no state directory. A clock that shows the time is
// better than none.
func (m *Machine) runReadOnly(ctx context.Context, why error) (err error) {
	m.c.Log.Error("the disk cannot be written: the clock runs with its defaults, and can be asked and told nothing", "event", "state_read_only", "err", why)
	state := m.c.State
	m.c.State = ""
	lock, err := state.Look()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	f, err := state.Peek(lock)
	if _, absent := errors.AsType[*AbsentError](err); absent {
		f, err = m.inMemory()
	}
	if err != nil {
		return &FlashError{state.Flash(), err}
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return m.power(ctx, f)
}

// power opens the board, and runs the clock on it.
func (m *Machine) power(ctx context.Context, f *Flash) (err error) {
	fw := firmware.Config{
		Kind: m.c.Board.Kind, Zone: m.c.Device.Zone, Log: m.c.Log, Time: m.c.Time, OTA: m.c.OTA, Health: m.c.Health,
		Slept: timekeeper.KernelSlept, ChimesFolder: m.c.Chimes.Folder, Button: m.c.Button, Hooks: m.c.Hooks,
	}
	if m.c.State != "" {
		fw.Store = m.c.State.Settings()
	}
	if m.sim != nil {
		m.simulate(&fw)
	} else {
		b, e := linux.Open(wiring(m.c.Board), m.c.Log)
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
	return m.live(ctx, f, fw)
}

// wiring is where the chips and pins of a real board hang.
func wiring(b config.Board) linux.Config {
	return linux.Config{
		LEDsBus: b.LEDsBus, SensorsBus: b.SensorsBus, ADC: linux.ADC{Bus: b.ADC.Bus, Address: b.ADC.Address, Input: b.ADC.Channel},
		Reset: b.ResetPin, Button: b.ButtonPin, NetLamp: b.Lamps.Net, TimeLamp: b.Lamps.Time,
	}
}

// simulate wires the models in. The host of a virtual clock is disciplined by the
// simulated time server: as long as that tells the host's own time, it may be
// believed.
func (m *Machine) simulate(fw *firmware.Config) {
	fw.Board, fw.DialNTP = m.sim.Board, m.sim.NTP.Dial
	fw.Synced = func() (bool, error) { return m.sim.NTP.Disciplines(), nil }
}

// live runs the boot loader over the firmware, beside the servers of the house.
func (m *Machine) live(ctx context.Context, f *Flash, fw firmware.Config) error {
	l := &boot.Loader{Store: f.Store, Log: m.c.Log, Last: m.c.State.takeLast()}
	h := &house{loader: l, board: m.sim, program: m.c.Desc.Version}
	fw.Front = h.front(m.c.Front)
	fw.Flash = &firmware.Flash{Device: f.Device, Table: f.Table}
	m.c.Log.Info("clock starts", "event", "start", "version", m.c.Desc.Version, "board", m.c.Board.Kind,
		"zone", m.c.Device.Zone.String(), "state", string(m.c.State))
	doors, err := m.open()
	if err != nil {
		return err
	}
	fw.Bridge, h.bridge = doors.bridge, doors.bridge
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	last, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	g, _ := task.NewGroup(ctx)
	if doors.socket != nil {
		g.Go("control", func(ctx context.Context) error { return h.serve(ctx, doors.socket, m.c.Log) })
	}
	if doors.broker != nil {
		g.Go("broker", func(context.Context) error { return doors.broker.Run(last) })
	}
	g.Go("systemd", func(ctx context.Context) error { return notify(ctx, l.Fresh) })
	g.Go("firmware", func(ctx context.Context) error {
		defer stop()  // the servers end with the clock,
		defer leave() // and the broker when it has heard the last word
		return l.Run(ctx, firmware.App(fw))
	})
	return g.Wait()
}

// doors are what a clock is reached by.
type doors struct {
	socket net.Listener     // of the control API; nil is none
	bridge *firmware.Bridge // to a broker; nil is none
	broker *broker.Broker   // of the house; nil is none
}

// open opens them, or none.
func (m *Machine) open() (d doors, err error) {
	if m.c.State != "" {
		if d.socket, err = control.Listen(m.c.State.Socket()); err != nil {
			return doors{}, err
		}
	}
	d.bridge, d.broker, err = m.connect()
	if err != nil && d.socket != nil {
		err = errors.Join(err, d.socket.Close())
	}
	return d, err
}
