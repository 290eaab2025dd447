package firmware

import (
	"context"
	"errors"
	"path/filepath"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
	"wordclockd/internal/nvs"
	"wordclockd/internal/ota"
)

// Flash is where images lie.
type Flash struct {
	Device flash.Device
	Table  flash.Table
}

// newUpdater returns what brings new images into the slot beside that which runs.
func (d *device) newUpdater(c Config, in boot.Info, r ota.Record) *ota.Updater {
	return ota.NewUpdater(ota.UpdaterConfig{
		Config:    ota.Config{OTA: c.OTA, Agent: "wordclockd/" + in.Desc.Version, Log: d.log, Dial: c.DialOTA},
		Running:   Running(c.Flash, in, func() bool { return d.status.Get().Trial }),
		Slot:      d.idleSlot(c, in),
		Preferred: func() clock.Source { return d.settings.Get().Settings.Source },
		Value:     d.update,
		Record:    r,
		Keep:      d.keepUpdates,
		Examine:   d.beforeSwitch,
		Reboot:    func() { d.askRestart(0) },
	})
}

// idleSlot returns the slot that an update goes to; nil if there is none.
func (d *device) idleSlot(c Config, in boot.Info) *ota.Slot {
	if c.Flash == nil {
		return nil
	}
	n, ok := boot.NextSlot(len(c.Flash.Table.Slots()), in.Slot)
	if !ok {
		return nil
	}
	p := c.Flash.Table.Slots()[n]
	return &ota.Slot{
		Name: p.Name, Device: flash.Region(c.Flash.Device, p.Off, p.Size),
		Free:    func() error { return refusal(d.ask.Free(n)) },
		Changed: func() error { return refusal(d.ask.Changed(n)) },
		Stage:   func() error { return refusal(d.ask.Stage(n)) },
	}
}

// refusal gives the errors of the boot loader their causes.
func refusal(err error) error {
	cause := ota.FlashIO
	switch {
	case err == nil:
		return nil
	case errors.Is(err, boot.ErrTrial):
		cause = ota.OnTrial
	case is[*boot.FloorError](err):
		cause = ota.BelowFloor
	case is[*flash.ForeignError](err), is[*flash.SignatureError](err):
		cause = ota.BadSignature
	case is[*flash.FormatError](err), is[*flash.UnsupportedError](err):
		cause = ota.ImageInvalid
	}
	return &ota.Error{Kind: cause.Kind(), Cause: cause, Err: err}
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// readUpdates returns what is stored of updates. What is damaged is begun anew.
func (d *device) readUpdates() (r ota.Record) {
	if d.store.Store == nil {
		return r
	}
	var p []byte
	err := d.store.View(func(tx *nvs.Tx) (err error) { p, err = nvs.Updates.Get(tx); return err })
	if err == nil && len(p) > 0 {
		r, err = ota.ParseRecord(p)
	}
	if err != nil {
		d.log.Warn("what is stored of updates makes no sense: it is begun anew", "event", "settings_invalid", "err", err)
	}
	return r
}

// keepUpdates makes r what readUpdates returns.
func (d *device) keepUpdates(r ota.Record) {
	if d.store.Store == nil {
		return
	}
	p, err := ota.AppendRecord(nil, r)
	if err == nil {
		err = d.store.Update(func(tx *nvs.Tx) error { return nvs.Updates.Put(tx, p) })
	}
	if err != nil {
		d.log.Error("what became of an update cannot be stored: check the state directory", "event", "settings_unstored", "err", err)
	}
}

// beforeSwitch finds out what the trial of an image needs to know. What it returns
// notes that, and what that returns takes the note back.
func (d *device) beforeSwitch(ctx context.Context) ota.Note {
	failing, err := d.failing(ctx)
	return func(digest [32]byte) (undo func(), _ error) {
		if err != nil {
			return nil, err
		}
		if err := d.storeKnown(healthRecord{hexDigest(digest), failing}); err != nil {
			return nil, err // it would count against the new image
		}
		return d.expectTrial(), nil
	}
}

// expectTrial sets what is reported of a trial. What it returns takes that back.
func (d *device) expectTrial() (undo func()) {
	i := d.status.Get().Image
	d.setTrial(0, true)
	return func() { d.setTrial(i.BootCount, i.FirstBoot) }
}

// doCheck looks at the sources.
func (d *device) doCheck(ctx context.Context, args map[string]string) (any, error) {
	r := ota.Request{
		Preferred: d.settings.Get().Settings.Source,
		Only:      args["only"] == "true", Force: args["force"] == "true",
	}
	if s, err := clock.ParseSource(args["source"]); err == nil {
		r.Preferred = s
	}
	check, err := d.updater.Check(ctx, r)
	if err != nil {
		return nil, err
	}
	return check, nil
}

// doStart begins an update. The answer is its number.
func (d *device) doStart(_ context.Context, args map[string]string) (any, error) {
	s := ota.Start{Force: args["force"] == "true", NoReboot: args["reboot"] == "false", File: args["file"]}
	if preferred, err := clock.ParseSource(args["source"]); err == nil {
		s.Source = &preferred
	}
	if s.File != "" && !filepath.IsAbs(s.File) {
		return nil, &clock.InvalidError{Key: "file", Text: "want a path from the root on: nobody knows where the clock stands"}
	}
	n, err := d.updater.Start(s)
	if err != nil {
		return nil, err
	}
	return struct {
		Number uint32 `json:"number"`
	}{n}, nil
}

// doCancel gives the update up that is under way.
func (d *device) doCancel(ctx context.Context, _ map[string]string) (any, error) {
	return nil, d.updater.Cancel(ctx)
}
