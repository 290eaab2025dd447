// Package durable has what files need to survive: a lock that names its holder,
// and writes that are either there or not.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// A Lock is held until it is released or the process ends, however it ends.
type Lock struct{ f *os.File }

// A HeldError says that somebody else holds a lock.
type HeldError struct {
	Path string
	PID  int // 0 if the kernel does not tell, as from another container
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return e.Path + " is held by another process"
	}
	name := ""
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", e.PID)); err == nil {
		name = " (" + strings.TrimSpace(string(comm)) + ")"
	}
	return fmt.Sprintf("%s is held by process %d%s", e.Path, e.PID, name)
}

// TakeLock locks the file at path, which it creates unless it is there. The
// error is a *HeldError if somebody else has it.
func TakeLock(path string) (*Lock, error) { return takeLock(path, os.O_RDWR|os.O_CREATE) }

// TakeLockIfThere locks the file at path; nil if there is none, and so nobody
// who could hold it.
func TakeLockIfThere(path string) (*Lock, error) {
	l, err := takeLock(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return l, err
}

// takeLock takes two locks: flock(2) belongs to the open file and is the one
// that counts; fcntl(2) could be lost by a second open of the same process, but
// it is the one that tells who has it.
func takeLock(path string, flag int) (*Lock, error) {
	f, err := os.OpenFile(path, flag, 0o640)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &HeldError{path, holder(f)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	own := syscall.Flock_t{Type: syscall.F_WRLCK}
	_ = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &own) // without it, only the name is missing
	return &Lock{f}, nil
}

func holder(f *os.File) (pid int) {
	asked := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &asked); err != nil || asked.Type == syscall.F_UNLCK {
		return 0
	}
	return max(0, int(asked.Pid))
}

// Release gives the lock up. A nil Lock is none.
func (l *Lock) Release() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}
