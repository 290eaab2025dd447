package firmware

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"

	"wordclockd/internal/clock"
)

const (
	// hookLimit is how long a hook may take.
	hookLimit = 30 * time.Second
	// hookRest is how long output that a child of a hook holds is waited for.
	hookRest = time.Second
	// hookSays is how much of what a hook says is kept.
	hookSays = 256
	// forgotten is how long after the hook the firmware restarts (firmware: 2 s); until
	// then who asked for it is answered.
	forgotten = 2 * time.Second
)

// runHook runs a program without a shell and without arguments. It is killed, with all
// that it started, when it takes too long or ctx is done. What it said is the first line.
func runHook(ctx context.Context, program string) (said string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, hookLimit, fmt.Errorf("not done after %s", hookLimit))
	defer cancel()
	var out lineOf
	cmd := exec.CommandContext(ctx, program)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, "/"
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = hookRest
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it did well, and left something behind that goes on
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("run %s: %w", program, err)
	}
	return out.String(), err
}

// A lineOf keeps the first line of what is written to it, as far as there is room.
type lineOf struct {
	text strings.Builder
	over bool
}

// Write implements io.Writer. It takes everything.
func (l *lineOf) Write(p []byte) (int, error) {
	for _, c := range string(p) {
		if l.over = l.over || c == '\n' || l.text.Len() >= hookSays; l.over {
			break
		}
		if unicode.IsPrint(c) {
			l.text.WriteRune(c)
		}
	}
	return len(p), nil
}

func (l *lineOf) String() string { return l.text.String() }

// doResetWiFi has the operating system forget the network, and starts the firmware anew.
func (d *device) doResetWiFi(ctx context.Context, _ map[string]string) (any, error) {
	program := d.hooks.ResetWiFi
	if program == "" {
		return nil, &clock.UnavailableError{Code: "wifi_reset_not_available",
			Text: "the operating system joins networks, and no hook is configured to make it forget one: see hooks.reset_wifi in the configuration"}
	}
	said, err := runHook(ctx, program)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		d.log.Error("the network could not be forgotten", "event", "hook_failed", "hook", "reset_wifi", "said", said, "err", err)
		return nil, &clock.UnavailableError{Code: "wifi_reset_failed", Text: err.Error()}
	}
	d.log.Info("the network was forgotten", "event", "hook", "hook", "reset_wifi", "said", said)
	d.askRestart(forgotten)
	return nil, nil
}
