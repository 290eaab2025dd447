package doctor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// How little space on the file system of the state directory is too little.
const (
	noSpace     = 5e6
	littleSpace = 50e6
)

// Free returns how many bytes may be written to the file system of a directory, or of
// the nearest above it that is there.
func Free(dir string) (int64, error) {
	for {
		var s syscall.Statfs_t
		err := syscall.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * int64(s.Bsize), nil
		}
		above := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || above == dir {
			return 0, err
		}
		dir = above
	}
}

// Space looks at how much may still be written where a clock keeps its state.
func Space(dir string, free func(dir string) (int64, error)) []Finding {
	const remedy = "make room on its file system: df -h "
	s := section{topic: "state"}
	switch n, err := free(dir); {
	case err != nil:
		s.add(Warning, dir, "look at the disk with the state directory", "how much space is left cannot be known: %v", err)
	case n < noSpace:
		s.add(Fault, dir, remedy+dir, "settings cannot be stored, nor can updates: %d kB are left", n/1e3)
	case n < littleSpace:
		s.add(Warning, dir, remedy+dir, "little space is left: %d MB", n/1e6)
	}
	return s.findings
}
