package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"wordclockd/internal/boot"
	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
)

// DefaultFlash is the size of a flash that is made, unless its table needs more.
const DefaultFlash = 16 << 20

// A Flash is the flash that a clock starts from, and what belongs to it.
type Flash struct {
	Device flash.Device
	Fuses  flash.Device
	Table  flash.Table
	Store  *boot.Store

	files []*os.File // to be closed
}

// Close closes what was opened. The file of the flash stays that of the lock.
func (f *Flash) Close() (err error) {
	for _, x := range f.files {
		err = errors.Join(err, x.Close())
	}
	return err
}

// An AbsentError says that there is no flash yet.
type AbsentError struct{ Path string }

func (e *AbsentError) Error() string {
	return e.Path + ": there is no flash yet: it is made when the clock first runs, or by \"wordclockd flash init\""
}

// Open opens the flash in the directory, for changes. The lock is that of
// [State.Create]. It is an *AbsentError if there is none yet.
func (s State) Open(lock *durable.Lock) (*Flash, error) {
	if isEmpty(lock.File()) {
		return nil, &AbsentError{s.Flash()}
	}
	f, err := flash.OpenFile(lock.File())
	if err != nil {
		return nil, err
	}
	fuses, err := s.openFuses()
	if err != nil {
		return nil, err
	}
	return open(f, fuses)
}

// Peek opens the flash in the directory to look at it. The lock is that of
// [State.Look]. It is an *AbsentError if there is none yet.
func (s State) Peek(lock *durable.Lock) (*Flash, error) {
	if lock == nil || isEmpty(lock.File()) {
		return nil, &AbsentError{s.Flash()}
	}
	f, err := flash.OpenReadOnly(lock.File())
	if err != nil {
		return nil, err
	}
	fuses, err := os.Open(s.Fuses())
	if errors.Is(err, fs.ErrNotExist) {
		return open(f, nil)
	}
	if err != nil {
		return nil, err
	}
	return open(f, fuses)
}

// OpenDump opens a file that was read from a flash, to look at it. There are no
// fuses with it.
func OpenDump(path string) (*Flash, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	d, err := flash.OpenReadOnly(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x, err := open(d, nil)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x.files = append(x.files, f)
	return x, nil
}

// OpenLockedDump opens a file that was read from a flash, and is locked, to change it.
// There are no fuses with it.
func OpenLockedDump(lock *durable.Lock) (*Flash, error) {
	d, err := flash.OpenFile(lock.File())
	if err != nil {
		return nil, err
	}
	return open(d, nil)
}

func isEmpty(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Size() == 0
}

// open reads the table; nil fuses are unblown ones.
func open(d flash.Device, fuses *os.File) (*Flash, error) {
	x := &Flash{Device: d, Fuses: flash.NewMemory(flash.FuseGeometry)}
	if fuses != nil {
		x.files = append(x.files, fuses)
		f, err := fusesIn(fuses)
		if err != nil {
			return nil, errors.Join(err, x.Close())
		}
		x.Fuses = f
	}
	if err := x.read(); err != nil {
		return nil, err
	}
	return x, nil
}

// read reads the table, and opens the store.
func (f *Flash) read() (err error) {
	if f.Table, err = boot.ReadTable(f.Device); err == nil {
		f.Store, err = boot.Open(f.Device, f.Fuses, f.Table, hostBoot())
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// hostBoot tells one start of the host from another.
func hostBoot() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

// Init makes a flash in the directory: erased, with that table, and an image in
// its first slot. What was there is lost, but for the fuses. After a power cut
// it is what was there, or is begun anew at the next start.
func (s State) Init(lock *durable.Lock, t flash.Table, size int64, app []byte) error {
	if err := t.Check(size); err != nil {
		return err
	}
	d, err := resize(lock.File(), size)
	if err != nil {
		return err
	}
	if err := durable.SyncDir(string(s)); err != nil {
		return err
	}
	return boot.Create(d, t, app) // erases, in an order that a power cut may disturb
}

// resize makes a file a flash of size bytes. What is in it stays.
func resize(f *os.File, size int64) (*flash.File, error) {
	if isEmpty(f) {
		return flash.Format(f, size)
	}
	if old, err := flash.OpenFile(f); err == nil && old.Geometry().Size > size {
		if err := boot.Disown(old); err != nil { // what its table is about may go
			return nil, err
		}
	}
	if err := errors.Join(f.Truncate(size), f.Sync()); err != nil {
		return nil, err
	}
	return flash.OpenFile(f)
}

// SizeFor returns the size of a flash that is made for a table: the smallest power
// of two that holds it, DefaultFlash at least.
func SizeFor(t flash.Table) int64 {
	size := int64(DefaultFlash)
	for _, p := range t.Partitions {
		for size < p.Off+p.Size {
			size *= 2
		}
	}
	return size
}

// openOrMake opens the flash of a clock that is to run, and makes what is not
// there yet, or was not finished.
func (m *Machine) openOrMake(lock *durable.Lock) (*Flash, error) {
	s := m.c.State
	if err := s.repairFuses(!isEmpty(lock.File()), m.c.Log); err != nil {
		return nil, err
	}
	f, err := s.Open(lock)
	_, absent := errors.AsType[*AbsentError](err)
	switch {
	case err == nil:
		f.mendTable(m.c.Log)
		return f, nil
	case !absent && !errors.Is(err, boot.ErrUnfinished):
		return nil, &FlashError{s.Flash(), err}
	}
	app, err := m.initial()
	if err != nil {
		return nil, err
	}
	t := flash.Intended()
	if err := s.Init(lock, t, SizeFor(t), app); err != nil {
		return nil, fmt.Errorf("make flash of %d MiB: %w: make room, or name another directory by --state", SizeFor(t)>>20, err)
	}
	m.c.Log.Info("flash was made, with this program in its first slot", "event", "flash_made", "version", m.c.Desc.Version, "bytes", SizeFor(t))
	return s.Open(lock)
}

// A FlashError says that a flash cannot be used as it is.
type FlashError struct {
	Path string
	Err  error
}

func (e *FlashError) Error() string { return fmt.Sprintf("flash %s: %v", e.Path, e.Err) }
func (e *FlashError) Unwrap() error { return e.Err }

// mendTable writes the table anew if that in the flash is damaged.
func (f *Flash) mendTable(log *slog.Logger) {
	damage := boot.TableDamage(f.Device)
	if damage == nil {
		return
	}
	const usual = "the partition table is damaged: the usual one leads to an image, and "
	if err := boot.MendTable(f.Device, f.Table); err != nil {
		log.Error(usual+"is used, but cannot be written in its place", "event", "table_damaged", "damage", damage, "err", err)
		return
	}
	log.Error(usual+"was written in its place", "event", "table_mended", "damage", damage)
}

// inMemory is the flash of a clock that keeps nothing.
func (m *Machine) inMemory() (*Flash, error) {
	t := flash.Intended()
	x := &Flash{
		Device: flash.NewMemory(flash.Geometry{Size: SizeFor(t), Sector: flash.SectorSize}),
		Fuses:  flash.NewMemory(flash.FuseGeometry),
	}
	app, err := m.initial()
	if err == nil {
		err = boot.Create(x.Device, t, app)
	}
	if err == nil {
		err = x.read()
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

// initial is this program as an image.
func (m *Machine) initial() ([]byte, error) {
	return flash.Build{Desc: m.c.Desc, Time: m.c.Built}.Marshal()
}
