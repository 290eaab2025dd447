// Package nvs keeps settings as an ESP32 does: typed values by namespace and
// key, with the limits and type numbers of ESP-IDF's non-volatile storage.
//
// # Storage
//
// One bbolt file. A namespace is a bucket, a value is its type number and then
// its bytes. A transaction is durable when [Store.Update] returns; a crash
// leaves all of it or nothing.
package nvs

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"wordclockd/internal/task"
)

// A Store is an open file of settings. It is safe for concurrent use.
type Store struct{ db *bolt.DB }

// ErrHeld says that another process has the file open.
var ErrHeld = errors.New("another process has it open")

// A DamagedError says that a file holds no store that can be used.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }
func (e *DamagedError) Unwrap() error { return e.Err }

// patience is how long to wait for another process to let go of the file.
const patience = time.Second

// Open opens the store at path, which it creates unless it is there. The whole
// of it is checked: an error that is a *DamagedError is final.
func Open(path string) (*Store, error) { return open(path, false) }

// OpenReadOnly opens a store that is there, and leaves the file as it is.
func OpenReadOnly(path string) (*Store, error) { return open(path, true) }

// open runs bbolt as a task: it panics over some kinds of damage.
func open(path string, readOnly bool) (s *Store, err error) {
	var file *os.File // bbolt forgets it when it panics, and the lock stays
	g, _ := task.NewGroup(context.Background())
	g.Go("open", func(context.Context) error {
		db, err := bolt.Open(path, 0o640, &bolt.Options{
			Timeout: patience, ReadOnly: readOnly,
			OpenFile: func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
				if file, err = os.OpenFile(name, flag, perm); err == nil {
					err = whole(file, readOnly)
				}
				return file, err
			},
		})
		if err != nil {
			return err
		}
		s = &Store{db}
		return db.View(sound)
	})
	if err = g.Wait(); err == nil {
		return s, nil
	}
	if s != nil {
		_ = s.db.Close()
	} else if file != nil {
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // a mapping may keep the file, and with it the lock
		_ = file.Close()
	}
	_, panicked := errors.AsType[*task.Panic](err)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: %w", path, ErrHeld)
	case panicked, errors.Is(err, errUnsound), errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, &DamagedError{path, err}
	}
	return nil, err
}

// Where bbolt's meta page has what whole asks for: a page header of 16 bytes, then
//
//	magic version pageSize flags uint32, root pgid sequence freelist pgid txid checksum uint64
const (
	metaMagic = 0xED0CDAED
	metaSize  = 16 + 4*4 + 6*8
)

// whole returns an error if a file ends before what its meta pages count: to
// read beyond the end of a mapped file kills the process. A file without a meta
// page is left to bbolt's judgement.
func whole(f *os.File, readOnly bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 && readOnly { // somebody began it, on a full disk
		return fmt.Errorf("%s is empty: %w", f.Name(), os.ErrNotExist)
	}
	page := int64(os.Getpagesize())
	for _, at := range [...]int64{0, page} {
		var m [metaSize]byte
		if _, err := f.ReadAt(m[:], at); err != nil {
			continue // bbolt says what is wrong with it
		}
		size, pages := binary.LittleEndian.Uint32(m[24:]), binary.LittleEndian.Uint64(m[56:])
		if binary.LittleEndian.Uint32(m[16:]) != metaMagic || int64(size) != page {
			continue
		}
		if have := uint64(info.Size() / page); have < pages {
			return fmt.Errorf("%w: %d pages, and only %d are there", errUnsound, pages, have)
		}
	}
	return nil
}

var errUnsound = errors.New("inconsistent")

// sound returns the first fault that bbolt finds in its own structure.
func sound(tx *bolt.Tx) error {
	var first error
	for err := range tx.Check() { // to the end, or its goroutine stays
		first = cmp.Or(first, err)
	}
	if first != nil {
		return fmt.Errorf("%w: %w", errUnsound, first)
	}
	return nil
}

// Close closes the store after the transactions that are under way.
func (s *Store) Close() error { return s.db.Close() }

// View runs f over the store as it is. What f is given ends with it.
func (s *Store) View(f func(*Tx) error) error {
	return s.db.View(func(tx *bolt.Tx) error { return f(&Tx{tx}) })
}

// Update runs f over the store, and makes all that it changed durable unless f
// fails. Updates wait for each other.
func (s *Store) Update(f func(*Tx) error) error {
	return s.db.Update(func(tx *bolt.Tx) error { return f(&Tx{tx}) })
}

// A Tx is a store within one transaction.
type Tx struct{ tx *bolt.Tx }

// Get returns the value of a key; ok is false if there is none.
func (tx *Tx) Get(namespace, key string) (v Value, ok bool) {
	b := tx.tx.Bucket([]byte(namespace))
	if b == nil {
		return Value{}, false
	}
	raw := b.Get([]byte(key))
	if len(raw) == 0 {
		return Value{}, false
	}
	return Value{Type(raw[0]), slices.Clone(raw[1:])}, true
}

// Set gives a key a value, whatever type it had before.
func (tx *Tx) Set(namespace, key string, v Value) error {
	if err := cmp.Or(checkName("namespace", namespace), checkName("key", key), v.Check()); err != nil {
		return fmt.Errorf("set %s/%s: %w", namespace, key, err)
	}
	b := tx.tx.Bucket([]byte(namespace))
	if b == nil {
		if n := tx.namespaces(); n >= MaxNamespaces {
			return fmt.Errorf("set %s/%s: %d namespaces are all there can be", namespace, key, n)
		}
		var err error
		if b, err = tx.tx.CreateBucket([]byte(namespace)); err != nil {
			return err
		}
	}
	return b.Put([]byte(key), append([]byte{byte(v.Type)}, v.Data...))
}

func (tx *Tx) namespaces() (n int) {
	_ = tx.tx.ForEach(func([]byte, *bolt.Bucket) error { n++; return nil })
	return n
}

// Delete takes a key away; it need not be there.
func (tx *Tx) Delete(namespace, key string) error {
	b := tx.tx.Bucket([]byte(namespace))
	if b == nil {
		return nil
	}
	return b.Delete([]byte(key))
}

// Clear takes everything away.
func (tx *Tx) Clear() error {
	var names [][]byte
	_ = tx.tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
		names = append(names, slices.Clone(name))
		return nil
	})
	for _, name := range names {
		if err := tx.tx.DeleteBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// An Entry is a key with its value.
type Entry struct {
	Namespace, Key string
	Value          Value
}

// All yields every entry, by namespace and key.
func (tx *Tx) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		_ = tx.tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(key, raw []byte) error {
				if len(raw) > 0 && !yield(Entry{string(name), string(key), Value{Type(raw[0]), slices.Clone(raw[1:])}}) {
					return errStop
				}
				return nil
			})
		})
	}
}

var errStop = errors.New("stop")
