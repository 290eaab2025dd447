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
	"time"
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

// patience is how long to wait for those who only look.
const patience = time.Second

// TakeLock locks the file at path, which it creates unless it is there. The
// error is a *HeldError if somebody else has it; those who share it are waited for
// a second.
//
// There are two locks: flock(2) belongs to the open file and is the one that
// counts; fcntl(2) could be lost by a second open of the same process, but it is
// the one that tells who has it.
func TakeLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(patience / 50) {
		err := hold(f, syscall.LOCK_EX)
		if err == nil {
			break
		}
		if held, ok := errors.AsType[*HeldError](err); !ok || held.PID > 0 || time.Since(begin) > patience {
			return nil, errors.Join(err, f.Close())
		}
	}
	own := syscall.Flock_t{Type: syscall.F_WRLCK}
	_ = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &own) // without it, only the name is missing
	return &Lock{f}, nil
}

// ShareLock locks the file at path for one of those who only look; nil if there
// is none, and so nobody who could hold it. The error is a *HeldError if somebody
// has it for himself.
func ShareLock(path string) (*Lock, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := hold(f, syscall.LOCK_SH); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{f}, nil
}

// hold takes the lock that counts, without waiting.
func hold(f *os.File, how int) error {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &HeldError{f.Name(), holder(f)}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

func holder(f *os.File) (pid int) {
	asked := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &asked); err != nil || asked.Type == syscall.F_UNLCK {
		return 0
	}
	return max(0, int(asked.Pid))
}

// File returns the file that is locked: for reading and writing if the lock was
// taken, for reading if it is shared. It is closed when the lock is released.
func (l *Lock) File() *os.File { return l.f }

// Release gives the lock up. A nil Lock is none.
func (l *Lock) Release() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}
