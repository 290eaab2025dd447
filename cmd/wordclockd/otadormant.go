package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/control"
	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
	"wordclockd/internal/ota"
)

// A dormant is the image that a clock which does not run would start.
type dormant struct {
	version string // "" if nothing can be started
	trial   bool
	part    flash.Partition
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
	v, err := x.Store.Look()
	if err != nil {
		return d, err
	}
	plan := x.Store.Plan(v)
	for _, c := range v.Contents {
		if len(plan.Try) > 0 && c.Slot == plan.Try[0] {
			return dormant{c.Image.Version, plan.Trial, c.Partition}, nil
		}
	}
	return d, nil
}

// open opens the partition of the image to look at it. It does not keep a clock from
// starting: that writes elsewhere.
func (d dormant) open(state machine.State) (flash.Device, *os.File, error) {
	if d.part.Size == 0 {
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
	s.LastCheck, s.Present, s.Last = r.Last, cutOff(r), newest(r)
	d, err := dormantImage(cmd)
	s.Version, s.Trial = flash.Printable(d.version), d.trial
	return s, err
}

// newest returns the update that was over last, nil if there was none.
func newest(r ota.Record) *clock.Attempt {
	if n := len(r.History); n > 0 {
		return &r.History[n-1]
	}
	return nil
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
	return newestFirst(r.History), nil
}
