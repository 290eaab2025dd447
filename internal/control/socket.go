package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// SocketName is what the socket is called in a state directory.
const SocketName = "control.sock"

// maxPath is what fits into sockaddr_un, less the NUL (unix(7)).
const maxPath = 107

// Listen listens on the socket at path. One that is there already is taken to
// be stale and removed: the caller holds the lock of its directory. Owner and
// group may connect.
func Listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is in use by what is no socket: move it away", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove stale socket: %w", err)
		}
	}
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", short)
	if err != nil {
		done()
		return nil, err
	}
	l = &listener{l, done}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

type listener struct {
	net.Listener
	done func()
}

func (l *listener) Close() error {
	defer l.done()
	return l.Listener.Close()
}

// shorten returns a name of the same file that fits into an address, for as
// long as done is not called.
func shorten(path string) (short string, done func(), err error) {
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { _ = dir.Close() }, nil
}

// connectLimit is how long a connection may take to come about. A socket that is
// listened on takes it at once: it is the machine that may have much else to do.
const connectLimit = 30 * time.Second

func connect(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: connectLimit}
	return d.DialContext(ctx, "unix", short)
}
