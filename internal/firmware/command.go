package firmware

import (
	"context"
	"sync"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/ota"
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
	clock.ConfirmOTA:   (*device).doConfirm,
	clock.RollBackOTA:  (*device).doRollback,
	clock.ResetWiFi:    (*device).doResetWiFi,
	clock.ClearJournal: (*device).doClear,
}

func (d *device) doRestart(context.Context, map[string]string) (any, error) {
	select {
	case d.restart <- boot.User:
	default: // one is under way
	}
	return nil, nil
}

// awaitRestart ends the firmware when a restart was asked for.
func (d *device) awaitRestart(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case r := <-d.restart:
		d.log.Info("firmware restarts", "event", "restart", "reason", r.String())
		return &boot.Restart{Reason: r}
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

func (d *device) doResetWiFi(context.Context, map[string]string) (any, error) {
	return nil, &clock.UnavailableError{Code: "wifi_reset_not_available",
		Text: "the operating system joins networks, and no hook is configured to make it forget one"}
}

func (d *device) doClear(_ context.Context, args map[string]string) (any, error) {
	return nil, d.journal.Clear(args["what"] == "stats")
}

// doCheck looks at the sources, or waits for who looks already.
func (d *device) doCheck(ctx context.Context, args map[string]string) (any, error) {
	r := ota.Request{
		Preferred: d.settings.Get().Settings.Source,
		Only:      args["only"] == "true", Force: args["force"] == "true", Current: d.version,
	}
	if s, err := clock.ParseSource(args["source"]); err == nil {
		r.Preferred = s
	}
	for {
		l, mine := d.looks.join(r)
		if mine {
			return d.look(ctx, l)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.done:
		}
		if l.request != r {
			continue // it was another question
		}
		if l.err == nil {
			return l.check, nil
		}
	}
}

// look carries out a look that is ours, and tells all who wait for it.
func (d *device) look(ctx context.Context, l *look) (any, error) {
	l.err = context.Canceled // should the checker panic
	defer d.looks.end(l)
	d.update.Update(func(u *clock.Update) { u.Checking = true })
	defer d.update.Update(func(u *clock.Update) {
		u.Checking = false
		if l.err == nil {
			u.Last = &l.check
		}
	})
	l.check = d.checker.Check(ctx, l.request)
	l.err = ctx.Err()
	return l.check, l.err
}

// A look is one at the sources: there is one at a time, since they are other
// people's servers, and it is for all who asked the same.
type look struct {
	request ota.Request
	done    chan struct{} // closed when the rest is there
	check   clock.Check
	err     error
}

type looks struct {
	mu      sync.Mutex
	present *look // nil is none
}

// join returns the look that is under way, or begins one that is mine to end.
func (s *looks) join(r ota.Request) (l *look, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present != nil {
		return s.present, false
	}
	s.present = &look{request: r, done: make(chan struct{})}
	return s.present, true
}

func (s *looks) end(l *look) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present = nil
	close(l.done)
}
