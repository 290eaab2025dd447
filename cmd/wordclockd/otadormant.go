package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/durable"
	"wordclockd/internal/firmware"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
	"wordclockd/internal/ota"
)

// A dormant is the image that a clock which does not run would start.
type dormant struct {
	version string // "" if nothing can be started
	trial   bool
	part    flash.Partition // zero if there is none yet
	running ota.Running     // as its updater will know it, without the device
}

// dormantImage returns what would be started: of a clock that never ran, this program.
func dormantImage(cmd *cobra.Command) (d dormant, err error) {
	state := stateOf(cmd)
	lock, err := state.Look()
	if errors.Is(err, fs.ErrNotExist) {
		return dormant{version: version}, nil
	}
	err = holding(verb(cmd), func() (*durable.Lock, error) { return lock, err }, func(lock *durable.Lock) error {
		x, err := state.Peek(lock)
		if _, absent := errors.AsType[*machine.AbsentError](err); absent || errors.Is(err, boot.ErrUnfinished) {
			d.version = version
			return nil
		}
		if err != nil {
			return err
		}
		d, err = imageIn(x)
		return errors.Join(err, x.Close())
	})
	return d, err
}

// imageIn returns the image of a flash that would be started.
func imageIn(x *machine.Flash) (d dormant, err error) {
	in, err := x.Store.Next()
	if _, nothing := errors.AsType[*boot.NothingError](err); nothing {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	f := &firmware.Flash{Device: x.Device, Table: x.Table}
	d = dormant{version: in.Desc.Version, trial: in.Trial, running: firmware.Running(f, in, func() bool { return in.Trial })}
	d.part, _ = f.Partition(in.Slot)
	d.running.Device = nil // it is closed with x
	return d, nil
}

// isThere tells whether there is an image to be started.
func (d dormant) isThere() bool { return d.part.Size > 0 }

// A legacy is what a clock that does not run left of updates.
type legacy struct {
	ota.Record                // as the next start will find it
	cut        *clock.Attempt // in the middle of which the clock ended; nil is none
}

// finds returns what the image will make of a record.
func (d dormant) finds(r ota.Record) legacy {
	l := legacy{r, cutOff(r)}
	if !d.isThere() {
		return l
	}
	l.Record = ota.Settled(r, d.running, time.Now())
	if n := len(l.History); n > 0 && l.History[n-1].Result != clock.Interrupted {
		l.cut = nil
	}
	return l
}

// latest returns the newest update that is over; nil if there is none.
func (l legacy) latest() *clock.Attempt {
	h := l.History
	if n := len(h); l.cut != nil && n > 0 && h[n-1].Number == l.cut.Number {
		h = h[:n-1]
	}
	return clock.Latest(h)
}

// open opens the partition of the image to look at it. It does not keep a clock from
// starting: that writes elsewhere.
func (d dormant) open(state machine.State) (flash.Device, *os.File, error) {
	if !d.isThere() {
		return nil, nil, nil
	}
	f, err := os.Open(state.Flash())
	if err != nil {
		return nil, nil, err
	}
	x, err := flash.OpenReadOnly(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return flash.Region(x, d.part.Off, d.part.Size), f, nil
}

// storedRecord returns what a clock that does not run remembers of updates.
func storedRecord(state machine.State) (r ota.Record, err error) {
	err = readNVS(state, func(tx *nvs.Tx) error {
		if tx == nil {
			return nil
		}
		b, err := nvs.Updates.Get(tx)
		if err == nil && len(b) > 0 {
			r, err = ota.ParseRecord(b)
		}
		return err
	})
	return r, err
}

// dormantStatus is what there is to say of a clock that does not run.
func dormantStatus(cmd *cobra.Command) (otaStatus, error) {
	state := stateOf(cmd)
	source, why := storedSource(state)
	warnDefault(cmd, source, why)
	s := otaStatus{OTA: control.OTA{Source: source.String()}}
	if chosen, err := storedChoice(state); err == nil && chosen != nil {
		s.Stored = chosen.String()
	}
	r, err := storedRecord(state)
	if err != nil && why == nil {
		return s, fmt.Errorf("%s: %w", verb(cmd), err)
	}
	d, err := dormantImage(cmd)
	l := d.finds(r)
	s.LastCheck, s.Present, s.Last = l.Last, l.cut, l.latest()
	s.Version, s.Trial = flash.Printable(d.version), d.trial
	return s, err
}

// cutOff returns the update in the middle of which the clock ended, nil if there is
// none, with what of it can be gone on with.
func cutOff(r ota.Record) *clock.Attempt {
	if r.Present == nil {
		return nil
	}
	a := *r.Present
	if p := r.Plan; p != nil && p.SHA256 == a.SHA256 {
		a.Bytes = p.Done
	}
	return &a
}

// dormantHistory returns the updates of a clock that does not run, the newest first.
func dormantHistory(cmd *cobra.Command) ([]clock.Attempt, error) {
	r, err := storedRecord(stateOf(cmd))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb(cmd), err)
	}
	d, _ := dormantImage(cmd) // what is not known of the image changes nothing
	return newestFirst(d.finds(r).History), nil
}
