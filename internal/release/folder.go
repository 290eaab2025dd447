package release

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

// A Folder is a directory that holds a release, or an image from which one follows.
// Its files may be changed while it is used: each is looked at whenever it is asked
// for.
type Folder struct {
	root *os.Root // Immutable.

	mu   sync.Mutex
	last derived
}

// derived is what follows from an image that was there.
type derived struct {
	from fs.FileInfo // of the image; nil is none
	Release
	unfit error // why there is no manifest; nil if there is one
}

// OpenFolder opens a directory. The caller closes it.
func OpenFolder(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{root: root}, nil
}

// Close ends the use of the directory.
func (f *Folder) Close() error { return f.root.Close() }

// A file is one that can be served.
type file struct {
	io.ReaderAt
	close func() error
	size  int64
	at    time.Time
	info  fs.FileInfo // nil if it is derived
}

func inMemory(p []byte, at time.Time) file {
	return file{ReaderAt: bytes.NewReader(p), close: func() error { return nil }, size: int64(len(p)), at: at}
}

// open opens a file of the release, there or derived. The error is fs.ErrNotExist if
// there is none of that name.
func (f *Folder) open(name string) (file, error) {
	opened, err := f.read(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return opened, err
	}
	image, err := f.read(ota.ImageName)
	if err != nil {
		return file{}, err
	}
	d, err := f.derive(image)
	if err == nil && name == ota.TargetName(d.Manifest.SHA256) {
		return image, nil
	}
	image.close()
	if err != nil {
		return file{}, err
	}
	return d.file(name)
}

// read opens a file that is there. What is no regular file is not.
func (f *Folder) read(name string) (file, error) {
	if info, err := f.root.Stat(name); err != nil {
		return file{}, explained(name, err)
	} else if !info.Mode().IsRegular() {
		return file{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	opened, err := f.root.Open(name)
	if err != nil {
		return file{}, err
	}
	info, err := opened.Stat()
	if err != nil {
		opened.Close()
		return file{}, err
	}
	return file{opened, opened.Close, info.Size(), info.ModTime(), info}, nil
}

// explained is err of a file; of a link that leads out it says what to do. [os.Root]
// knows that by a text alone.
func explained(name string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Err.Error() == "path escapes from parent" {
		return fmt.Errorf("%s is a link that leads out of DIR: copy the file", name)
	}
	return err
}

// derive returns what follows from an image, which it reads when it is another than
// the last one.
func (f *Folder) derive(image file) (derived, error) {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if last.from != nil && os.SameFile(last.from, image.info) && last.from.Size() == image.size && last.from.ModTime().Equal(image.at) {
		return last, nil
	}
	d := derived{from: image.info}
	if d.Release, d.unfit = New(image, image.size, image.at); d.unfit != nil {
		var err error
		if d.Release, err = sum(image, image.size); err != nil {
			return derived{}, err
		}
	}
	f.mu.Lock()
	f.last = d
	f.mu.Unlock()
	return d, nil
}

// file returns a derived file by its name.
func (d derived) file(name string) (file, error) {
	at := d.from.ModTime()
	switch {
	case name == ota.ManifestName && d.unfit == nil:
		return inMemory(ota.AppendManifest(nil, d.Manifest), at), nil
	case name == sumName:
		return inMemory(d.Sum, at), nil
	case d.Pieces != nil && name == ota.PiecesName(d.Manifest.PiecesSHA256):
		return inMemory(d.Pieces, at), nil
	}
	return file{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// hash returns the SHA-256 of wordclock.bin.
func (f *Folder) hash() (string, error) {
	image, err := f.read(ota.ImageName)
	if err != nil {
		return "", err
	}
	defer image.close()
	d, err := f.derive(image)
	return d.Manifest.SHA256, err
}

// older returns the name of the newest image in targets that is not wordclock.bin.
func (f *Folder) older() (string, error) {
	present, err := f.hash()
	if err != nil {
		return "", err
	}
	entries, err := fs.ReadDir(f.root.FS(), strings.TrimSuffix(targets, "/"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	name, version := "", ""
	for _, e := range entries {
		other := targets + e.Name()
		if partOf(other) != Image || other == ota.TargetName(present) {
			continue
		}
		v, err := f.version(other)
		if err != nil {
			continue // it is no image
		}
		if name == "" || ota.Compare(version, v) < 0 {
			name, version = other, v
		}
	}
	if name == "" {
		return "", errors.New("targets holds no other image than wordclock.bin: put an older one there, under its hash")
	}
	return name, nil
}

// version returns the three numbers that an image says of itself.
func (f *Folder) version(name string) (string, error) {
	image, err := f.read(name)
	if err != nil {
		return "", err
	}
	defer image.close()
	p := make([]byte, min(flash.HeadSize, image.size))
	if _, err := image.ReadAt(p, 0); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	h, err := flash.ReadHead(p)
	return ota.Normalise(h.Version), err
}
