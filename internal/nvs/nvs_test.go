package nvs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func create(t testing.TB) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nvs.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, path
}

func update(t testing.TB, s *Store, f func(*Tx) error) {
	t.Helper()
	if err := s.Update(f); err != nil {
		t.Fatal(err)
	}
}

// all returns the store as text.
func all(t testing.TB, s *Store) (lines []string) {
	t.Helper()
	if err := s.View(func(tx *Tx) error {
		for e := range tx.All() {
			lines = append(lines, fmt.Sprintf("%s/%s %s %s", e.Namespace, e.Key, e.Value.Type, e.Value))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestStore(t *testing.T) {
	s, path := create(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.Set("b", "two", Value{U16, []byte{1, 2}}),
			tx.Set("a", "one", Value{U8, []byte{1}}),
			tx.Set("b", "one", Value{String, []byte("x")}),
			tx.Set("b", "gone", Value{Blob, nil}),
			tx.Delete("b", "gone"), tx.Delete("b", "never"), tx.Delete("never", "never"))
	})
	want := []string{"a/one u8 1", "b/one string x", "b/two u16 513"}
	if got := all(t, s); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// Another type replaces.
	update(t, s, func(tx *Tx) error { return tx.Set("a", "one", Value{String, []byte("eins")}) })
	want[0] = "a/one string eins"
	// A transaction that fails did not happen.
	boom := errors.New("boom")
	if err := s.Update(func(tx *Tx) error {
		return errors.Join(tx.Set("a", "one", Value{U8, []byte{9}}), tx.Clear(), boom)
	}); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := all(t, s); !slices.Equal(got, want) {
		t.Errorf("after a restart %q, want %q", got, want)
	}
	update(t, s, (*Tx).Clear)
	if got := all(t, s); len(got) > 0 {
		t.Errorf("cleared, and %q", got)
	}
}

func TestLimits(t *testing.T) {
	s, _ := create(t)
	if err := s.Update(func(tx *Tx) error {
		one := Value{U8, []byte{1}}
		for _, c := range []struct {
			ns, key string
			v       Value
			want    string
		}{
			{"", "k", one, `set /k: namespace "": has 0 characters, want 1 to 15`},
			{"n", "sixteen_letters_", one, `key "sixteen_letters_": has 16 characters, want 1 to 15`},
			{"n", "k", Value{U8, nil}, "set n/k: u8 of 0 bytes: want 1"},
		} {
			if err := tx.Set(c.ns, c.key, c.v); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		}
		for i := range MaxNamespaces {
			if err := tx.Set(fmt.Sprintf("n%d", i), "k", one); err != nil {
				return err
			}
		}
		if err := tx.Set("more", "k", one); err == nil || !strings.Contains(err.Error(), "254 namespaces are all there can be") {
			t.Errorf("error %v", err)
		}
		return tx.Set("n7", "other", one) // one that is there takes more
	}); err != nil {
		t.Error(err)
	}
}

// TestReadOnly leaves the file as it is, byte by byte.
func TestReadOnly(t *testing.T) {
	s, path := create(t)
	update(t, s, func(tx *Tx) error { return tx.Set("a", "b", Value{U8, []byte{1}}) })
	if _, err := OpenReadOnly(path); !errors.Is(err, ErrHeld) {
		t.Errorf("while it is open: %v", err)
	}
	_ = s.Close()
	before, _ := os.ReadFile(path)
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, r); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if err := r.Update((*Tx).Clear); err == nil {
		t.Error("was written")
	}
	_ = r.Close()
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file is another")
	}
	if _, err := OpenReadOnly(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestDamage: whatever is wrong with the structure of the file, Open says so,
// does not take the process with it, and lets go of the file.
func TestDamage(t *testing.T) {
	s, path := create(t)
	for i := range 40 {
		update(t, s, func(tx *Tx) error { return tx.Set("ns", fmt.Sprintf("key%d", i), Value{Blob, make([]byte, 500)}) })
	}
	_ = s.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	try := func(name string, p []byte) {
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err == nil {
			seen["usable"]++
			_ = s.Close()
			return
		}
		if _, ok := errors.AsType[*DamagedError](err); !ok {
			t.Errorf("%s: error %v, want a *DamagedError", name, err)
		}
		seen["damaged"]++
	}
	try("garbage", bytes.Repeat([]byte("garbage "), 4096))
	try("one byte", []byte{1})
	for at := 0; at < len(good); at += 512 {
		bad := slices.Clone(good)
		for i := range 64 {
			bad[at+i] ^= 0xA5
		}
		try(fmt.Sprintf("at %d", at), bad)
	}
	for size := 1; size < len(good); size += 4096 {
		try(fmt.Sprintf("cut at %d", size), good[:size])
	}
	if seen["damaged"] == 0 || seen["usable"] == 0 {
		t.Errorf("seen %v", seen)
	}
}

func TestKeys(t *testing.T) {
	s, _ := create(t)
	n, name := Key[uint32]{"n", "count", 7, ""}, Key[string]{"n", "name", "none", ""}
	raw, flag := Key[[]byte]{"n", "raw", nil, ""}, Key[int16]{"n", "i", -5, ""}
	update(t, s, func(tx *Tx) error {
		if v, err := n.Get(tx); v != 7 || err != nil {
			t.Errorf("default %d, %v", v, err)
		}
		return errors.Join(n.Put(tx, 8), name.Put(tx, "ü"), raw.Put(tx, []byte{1, 2}), flag.Put(tx, -300))
	})
	want := []string{"n/count u32 8", "n/i i16 -300", "n/name string ü", "n/raw blob 0102"}
	if got := all(t, s); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	update(t, s, func(tx *Tx) error {
		if v, err := flag.Get(tx); v != -300 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
		if v, err := name.Get(tx); v != "ü" || err != nil {
			t.Errorf("%s, %v", v, err)
		}
		if v, err := raw.Get(tx); !bytes.Equal(v, []byte{1, 2}) || err != nil {
			t.Errorf("%v, %v", v, err)
		}
		// What another program stored there is named, and the default holds.
		if err := tx.Set("n", "count", Value{String, []byte("many")}); err != nil {
			return err
		}
		v, err := n.Get(tx)
		if _, ok := errors.AsType[*TypeError](err); v != 7 || !ok || err.Error() != "n/count: holds string of 4 bytes, want u32 of 4 bytes" {
			t.Errorf("%d, %v", v, err)
		}
		zones := LightSensor.Default
		zones[1].Max = 77
		if err := LightSensor.Put(tx, zones); err != nil {
			return err
		}
		if got, err := LightSensor.Get(tx); got != zones || err != nil {
			t.Errorf("%v, %v", got, err)
		}
		return tx.Set("brightness", "light_sensor", Value{Blob, make([]byte, 59)})
	})
	update(t, s, func(tx *Tx) error {
		if got, err := LightSensor.Get(tx); got != LightSensor.Default || err == nil {
			t.Errorf("%v, %v", got, err)
		}
		return nil
	})
}

// TestPutWritesNothingTwice: flash wears out. bbolt makes a node of each page that
// is to be written.
func TestPutWritesNothingTwice(t *testing.T) {
	s, _ := create(t)
	update(t, s, func(tx *Tx) error { return OTASource.Put(tx, 1) })
	for source, writes := range map[uint8]bool{1: false, 0: true} {
		update(t, s, func(tx *Tx) error {
			err := OTASource.Put(tx, source)
			stats := tx.tx.Stats()
			if got := stats.GetNodeCount() > 0; got != writes {
				t.Errorf("%d: writes %t, want %t", source, got, writes)
			}
			return errors.Join(err, OTASource.Put(tx, 1))
		})
	}
}

func TestRing(t *testing.T) {
	s, _ := create(t)
	r := Ring{"log", 5}
	update(t, s, func(tx *Tx) error {
		for i := range 13 {
			blobs, first := r.All(tx)
			if len(blobs) != min(i, 5) || first != uint32(max(0, i-5)) {
				t.Errorf("after %d: %d from %d", i, len(blobs), first)
			}
			for n, b := range blobs {
				if int(b[0]) != int(first)+n {
					t.Errorf("after %d: entry %d is %d", i, n, b[0])
				}
			}
			if err := r.Append(tx, []byte{byte(i)}); err != nil {
				return err
			}
		}
		for number, want := range map[uint32]bool{7: false, 8: true, 12: true, 13: false} {
			if err := r.Replace(tx, number, []byte{99}); err != nil {
				return err
			}
			blobs, _ := r.All(tx)
			if got := slices.ContainsFunc(blobs, func(b []byte) bool { return b[0] == 99 }); got != want {
				t.Errorf("entry %d replaced: %t, want %t", number, got, want)
			}
			if want {
				if err := r.Replace(tx, number, []byte{byte(number)}); err != nil {
					return err
				}
			}
		}
		if err := tx.Set("log", "entry_000", Value{U8, []byte{1}}); err != nil {
			return err
		}
		if blobs, _ := r.All(tx); blobs[2] != nil || blobs[1][0] != 9 {
			t.Errorf("a foreign value came as %v", blobs)
		}
		if err := r.Clear(tx); err != nil {
			return err
		}
		blobs, first := r.All(tx)
		if first != 8 || slices.ContainsFunc(blobs, func(b []byte) bool { return b != nil }) {
			t.Errorf("cleared, and %v from %d", blobs, first)
		}
		if err := r.Replace(tx, 12, []byte{12}); err != nil {
			return err
		}
		if blobs, _ := r.All(tx); blobs[4] != nil {
			t.Errorf("a cleared entry came back as %v", blobs[4])
		}
		return errors.Join(r.Append(tx, []byte{13}, []byte{14}), tx.Set("log", "written", Value{U8, []byte{1}}))
	})
	update(t, s, func(tx *Tx) error {
		// A count that is none is not taken; the ring begins anew.
		if blobs, first := r.All(tx); len(blobs) != 0 || first != 0 {
			t.Errorf("%v from %d", blobs, first)
		}
		if err := r.Append(tx, []byte{1}); err != nil {
			return err
		}
		if blobs, first := r.All(tx); len(blobs) != 1 || first != 0 || blobs[0][0] != 1 {
			t.Errorf("%v from %d", blobs, first)
		}
		return nil
	})
}
