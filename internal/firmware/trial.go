package firmware

import (
	"context"
	"errors"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// reportGaveUp says that an image could not be started, or was given up when that is
// news.
func (d *device) reportGaveUp(in boot.Info) {
	if x := in.Instead; x != nil {
		d.log.Error("the image that is selected cannot be started: this one is, instead", "event", "image_damaged", "slot", x.Slot, "err", x.Text)
	}
	switch g := in.GaveUp; {
	case g != nil && g.Now:
		d.log.Error("an image was given up: the one before it runs again", "event", "rolled_back",
			"from", g.Desc.Version, "to", in.Desc.Version, "reason", g.Reason.String(), "text", in.Last.Text)
	case in.Last.Reason == boot.Hung:
		d.log.Error("the firmware hung: it is started again", "event", "hung_before", "text", in.Last.Text)
	}
}

// doConfirm ends the trial of the image well.
func (d *device) doConfirm(context.Context, map[string]string) (any, error) {
	if err := d.confirm(); err != nil {
		return nil, &clock.UnavailableError{Code: "ota_confirm_failed", Text: err.Error()}
	}
	d.health.Acquit()
	return nil, nil
}

// confirm ends the trial of the image well, whoever judged it; there may be none.
func (d *device) confirm() error {
	d.judging <- struct{}{}
	defer func() { <-d.judging }()
	if !d.status.Get().Trial {
		return nil
	}
	if err := d.ask.Confirm(); err != nil {
		return err
	}
	d.log.Info("the image is confirmed", "event", "confirmed", "version", d.version)
	d.setState(clock.Validated)
	d.setTrial(0, false)
	d.updater.Confirmed()
	return nil
}

// reject ends the trial of the image badly, unless somebody has confirmed it meanwhile.
func (d *device) reject(text string) error {
	d.judging <- struct{}{}
	defer func() { <-d.judging }()
	if !d.status.Get().Trial {
		return nil
	}
	return d.giveUp(boot.CheckFailed, text)
}

// giveUp has another image started.
func (d *device) giveUp(why boot.Reason, text string) error {
	err := d.ask.Reject(why, text)
	if err == nil {
		d.setState(clock.RollbackPending)
	}
	return err
}

// doRollback gives the image up that runs, if there is another one.
func (d *device) doRollback(context.Context, map[string]string) (any, error) {
	err := d.giveUp(boot.User, "somebody asked for it")
	e, refused := errors.AsType[*boot.RollbackError](err)
	if !refused {
		return nil, err
	}
	text := d.version + " stays: there is no other image that can be started and was not given up as well; see the slots in the status"
	if e.Next != nil {
		text = flash.Printable(e.Next.Version) + ` is installed and tried at the next restart: say "wordclockd reboot"`
	}
	return nil, &clock.UnavailableError{Code: "ota_rollback_failed", Text: text}
}
