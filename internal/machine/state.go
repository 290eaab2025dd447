package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"wordclockd/internal/boot"
	"wordclockd/internal/control"
	"wordclockd/internal/durable"
)

// A State is the directory in which a clock keeps what survives.
type State string

// DefaultState returns the directory of a clock that was told none: what systemd
// made, else the system's or the user's.
func DefaultState(getenv func(string) string, uid int) State {
	first, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":")
	switch {
	case first != "":
		return State(first)
	case uid == 0:
		return "/var/lib/wordclockd"
	case getenv("XDG_STATE_HOME") != "":
		return State(filepath.Join(getenv("XDG_STATE_HOME"), "wordclockd"))
	}
	return State(filepath.Join(getenv("HOME"), ".local", "state", "wordclockd"))
}

// Settings is the file of settings and journal.
func (s State) Settings() string { return filepath.Join(string(s), "nvs.db") }

// Socket is where the clock listens.
func (s State) Socket() string { return filepath.Join(string(s), control.SocketName) }

// Flash is the file of the flash. Its lock says whose the directory is.
func (s State) Flash() string { return filepath.Join(string(s), "flash.img") }

// Fuses is the file of what is never taken back.
func (s State) Fuses() string { return filepath.Join(string(s), "efuse.img") }

// last is the file by which a process that has to end tells the next one why.
func (s State) last() string { return filepath.Join(string(s), "last_reset") }

// leaveLast tells the next process why this one ended. It may be that the disk is
// what hangs, so nothing depends on it.
func (s State) leaveLast(r boot.Reason) {
	_ = os.WriteFile(s.last(), []byte(r.String()), 0o640)
}

// takeLast returns how the process before this one ended, if it said so.
func (s State) takeLast() (r boot.Reset) {
	if s == "" {
		return r
	}
	text, err := os.ReadFile(s.last())
	if err != nil {
		return r
	}
	_ = os.Remove(s.last())
	r.Reason, _ = boot.ParseReason(string(text))
	return r
}

// A BusyError says that somebody else holds a state directory.
type BusyError struct {
	State State
	Err   *durable.HeldError
}

func (e *BusyError) Error() string { return fmt.Sprintf("state directory %s: %v", e.State, e.Err) }
func (e *BusyError) Unwrap() error { return e.Err }

// Create makes the directory unless it is there, and locks it. The error is a
// *BusyError if a clock runs on it.
func (s State) Create() (*durable.Lock, error) {
	if err := os.MkdirAll(string(s), 0o750); err != nil {
		return nil, fmt.Errorf("make state directory: %w: name another by --state", err)
	}
	l, err := durable.TakeLock(s.Flash())
	return l, s.busy(err)
}

// Look locks the directory for one of those who only look, without a trace; nil if
// there is none, or if no clock ever ran on it. The error is a *BusyError if one
// does.
func (s State) Look() (*durable.Lock, error) {
	l, err := durable.ShareLock(s.Flash())
	return l, s.busy(err)
}

func (s State) busy(err error) error {
	if held, ok := errors.AsType[*durable.HeldError](err); ok {
		return &BusyError{s, held}
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("state directory %s: %w: be the user that runs the clock, or name another by --state", s, err)
	}
	return err
}
