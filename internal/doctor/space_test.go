package doctor

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestSpace(t *testing.T) {
	for _, c := range []struct {
		free int64
		err  error
		want string
	}{
		{50e6, nil, "\n"},
		{50e6 - 1, nil, `
warning state /var/lib/clock: little space is left: 49 MB
  make room on its file system: df -h /var/lib/clock
`},
		{5e6, nil, `
warning state /var/lib/clock: little space is left: 5 MB
  make room on its file system: df -h /var/lib/clock
`},
		{5e6 - 1, nil, `
fault state /var/lib/clock: settings cannot be stored, nor can updates: 4999 kB are left
  make room on its file system: df -h /var/lib/clock
`},
		{0, syscall.EIO, `
warning state /var/lib/clock: how much space is left cannot be known: input/output error
  look at the disk with the state directory
`},
	} {
		want(t, lines(Space("/var/lib/clock", func(string) (int64, error) { return c.free, c.err }), OK), c.want)
	}
}

// TestFree: a directory that is yet to be made has the space of the one above it.
func TestFree(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "a", "b")} {
		if n, err := Free(name); n <= 0 || err != nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
}
