package firmware

import (
	"context"
	"errors"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/display"
	"wordclockd/internal/task"
)

// Do implements clock.Service.
func (d *device) Do(ctx context.Context, c clock.Command) (answer any, err error) {
	if c, err = c.Resolve(); err != nil {
		return nil, err
	}
	d.log.Debug("command", "event", "command", "name", c.Name, "args", c.Args)
	answer, err = commands[c.Name](d, ctx, c.Args)
	d.gather() // whoever was answered sees what became of it
	return answer, err
}

// commands has what each command does; a test holds it against clock.Commands.
var commands = map[string]func(*device, context.Context, map[string]string) (any, error){
	clock.Restart:      (*device).doRestart,
	clock.ForceNTPSync: (*device).doSync,
	clock.CheckOTA:     (*device).doCheck,
	clock.StartOTA:     (*device).doStart,
	clock.CancelOTA:    (*device).doCancel,
	clock.ConfirmOTA:   (*device).doConfirm,
	clock.RollBackOTA:  (*device).doRollback,
	clock.CheckHealth:  (*device).doHealth,
	clock.ResetWiFi:    (*device).doResetWiFi,
	clock.ClearJournal: (*device).doClear,

	clock.SetTime:        (*device).doSetTime,
	clock.RefreshSensors: (*device).doRefresh,
	clock.StartDemo:      (*device).doStartDemo,
	clock.StopDemo:       (*device).doStopDemo,
	clock.ResetLEDs:      (*device).doResetLEDs,
	clock.TestAudio:      (*device).doTestAudio,
	clock.TestAudioFile:  (*device).doTestAudioFile,
	clock.TestChimes:     (*device).doTestChimes,
	clock.ListChimes:     (*device).doListChimes,
}

func (d *device) doRestart(context.Context, map[string]string) (any, error) {
	d.askRestart(0)
	return nil, nil
}

// askRestart has the firmware end in a while, to be started again.
func (d *device) askRestart(in time.Duration) {
	select {
	case d.restart <- in:
	default: // one is under way
	}
}

// awaitRestart ends the firmware when a restart was asked for.
func (d *device) awaitRestart(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case in := <-d.restart:
		if task.Sleep(ctx, in); ctx.Err() != nil {
			return nil
		}
		d.gather() // what it was asked for can be seen before all ends
		d.log.Info("firmware restarts", "event", "restart", "reason", boot.User.String())
		return &boot.Restart{Reason: boot.User}
	}
}

func (d *device) doSync(context.Context, map[string]string) (any, error) {
	if !d.servers {
		return nil, &clock.UnavailableError{Code: "ntp_sync_start_failed",
			Text: "no time server is asked: see time.source and time.ntp_servers in the configuration"}
	}
	d.keeper.Resync()
	return nil, nil
}

func (d *device) doClear(_ context.Context, args map[string]string) (any, error) {
	return nil, d.journal.Clear(args["what"] == "stats")
}

// doSetTime sets the RTC, unless there are better sources of the time.
func (d *device) doSetTime(ctx context.Context, args map[string]string) (any, error) {
	at, err := clock.ParseWallTime(args["time"])
	if err != nil {
		return nil, err
	}
	err = d.keeper.Set(ctx, at)
	if err != nil && ctx.Err() == nil {
		err = &clock.UnavailableError{Code: "time_set_failed", Text: err.Error()}
	}
	return nil, err
}

// doResetLEDs resets the LED drivers.
func (d *device) doResetLEDs(ctx context.Context, _ map[string]string) (any, error) {
	if !d.resets {
		return nil, &clock.UnavailableError{Code: "tlc_reset_not_available", Text: "the reset line of the LED drivers is not wired"}
	}
	err := d.display.Reset(ctx)
	switch _, dark := errors.AsType[*display.DarkError](err); {
	case err == nil:
	case dark:
		err = &clock.UnavailableError{Code: "tlc_reset_reinit_failed", Text: err.Error()}
	case ctx.Err() == nil:
		err = &clock.UnavailableError{Code: "tlc_reset_failed", Text: err.Error()}
	}
	return nil, err
}
