package nvs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"wordclockd/internal/proof"
)

// A torn is a file as a power cut can leave it during a commit.
type torn struct {
	name    string
	content []byte
	news    bool // all that was committed may be there; else nothing of it
}

// cuts yields what a power cut leaves of a commit. bbolt writes pages that nothing
// refers to yet, syncs, writes the meta page that does, and syncs: until the first
// sync any part of those pages may be there, and after it as much of the meta page as
// the power lasted for.
func cuts(before, after []byte, random *rand.Rand, yield func(torn)) error {
	page := os.Getpagesize()
	grown := append(slices.Clone(before), make([]byte, len(after)-len(before))...)
	meta, pages := -1, []int{}
	for at := 0; at < len(after); at += page {
		switch {
		case bytes.Equal(grown[at:at+page], after[at:at+page]):
		case at < 2*page && meta >= 0:
			return errors.New("both meta pages were written")
		case at < 2*page:
			meta = at
		default:
			pages = append(pages, at)
		}
	}
	if meta < 0 {
		return errors.New("no meta page was written")
	}
	yield(torn{"before it grew", before, false})
	const most = 6 // pages of which every subset is taken
	for set := range 1 << min(len(pages), most) {
		p := slices.Clone(grown)
		for i, at := range pages {
			if i < most && set&(1<<i) != 0 || i >= most && random.IntN(2) == 0 {
				copy(p[at:], after[at:at+page])
			}
		}
		yield(torn{fmt.Sprintf("pages %b of %d", set, len(pages)), p, false})
	}
	for i, at := range pages {
		p := slices.Clone(grown)
		copy(p[at:], after[at:at+1+random.IntN(page-1)])
		yield(torn{fmt.Sprintf("within page %d", i), p, false})
	}
	p := slices.Clone(after)
	copy(p[meta:], before[meta:meta+page])
	for n := range page {
		if p[meta+n] != after[meta+n] {
			yield(torn{fmt.Sprintf("%d bytes of the meta page", n), p, true})
			p[meta+n] = after[meta+n]
		}
	}
	return nil
}

// TestPowerCut: after a power cut at any place of a commit the store opens, holds all
// that was committed, or nothing of it, and takes more.
func TestPowerCut(t *testing.T) {
	begin := time.Now()
	commits, states := 0, 0
	for _, seed := range proof.Seeds(t, 2) {
		random := rand.New(rand.NewPCG(seed, 0))
		s, path := create(t)
		copied := filepath.Join(t.TempDir(), "nvs.db")
		read := func() []byte {
			p, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		for range 15 {
			before, old := read(), all(t, s)
			update(t, s, func(tx *Tx) error { return change(tx, random) })
			after, now := read(), all(t, s)
			commits++
			err := cuts(before, after, random, func(c torn) {
				states++
				if err := os.WriteFile(copied, c.content, 0o600); err != nil {
					t.Fatal(err)
				}
				s, err := Open(copied)
				if err != nil {
					t.Fatalf("seed %d, commit %d, %s: %v", seed, commits, c.name, err)
				}
				got := all(t, s)
				if !slices.Equal(got, old) && !(c.news && slices.Equal(got, now)) {
					t.Errorf("seed %d, commit %d, %s: %q, before it was %q, after it is %q", seed, commits, c.name, got, old, now)
				}
				if random.IntN(20) == 0 {
					update(t, s, func(tx *Tx) error { return tx.Set("after", "it", Value{U8, []byte{1}}) })
					if more := all(t, s); len(more) != len(got)+1 {
						t.Errorf("seed %d, commit %d, %s: one more, and there are %d after %d", seed, commits, c.name, len(more), len(got))
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			if err != nil {
				t.Fatalf("seed %d, commit %d: %v", seed, commits, err)
			}
		}
	}
	proof.Row(t, begin, "nvs: power cuts", fmt.Sprintf("%d commits, %d states", commits, states))
}

// change does some of what a clock does to its settings, and at least one thing.
func change(tx *Tx, random *rand.Rand) error {
	for n := range 1 + random.IntN(4) {
		namespace, key := fmt.Sprintf("ns%d", random.IntN(3)), fmt.Sprintf("key%d", random.IntN(12))
		var err error
		switch random.IntN(8) {
		case 0:
			err = tx.Delete(namespace, key)
		case 1:
			err = tx.Set(namespace, key, Value{Blob, make([]byte, random.IntN(4000))})
		case 2:
			err = Ring{"log", 5}.Append(tx, make([]byte, random.IntN(200)))
		default:
			err = tx.Set(namespace, key, Value{U32, []byte{byte(random.Uint32()), 0, 0, byte(n)}})
		}
		if err != nil {
			return err
		}
	}
	return tx.Set("ns0", "last", Value{U32, []byte{byte(random.Uint32()), byte(random.Uint32()), 1, 1}})
}

// TestPowerCutAtFirst: of a store that was never finished it is said that it is
// damaged, or it is an empty one.
func TestPowerCutAtFirst(t *testing.T) {
	s, path := create(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page, empty, damaged := os.Getpagesize(), 0, 0
	try := func(name string, p []byte) {
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if _, ok := errors.AsType[*DamagedError](err); ok {
			damaged++
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		empty++
		if got := all(t, s); len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		}
		_ = s.Close()
	}
	for n := 0; n <= len(good); n += 64 {
		try(fmt.Sprintf("%d bytes", n), good[:n])
	}
	for set := range 1 << (len(good) / page) {
		p := make([]byte, len(good))
		for i := range len(good) / page {
			if set&(1<<i) != 0 {
				copy(p[i*page:], good[i*page:(i+1)*page])
			}
		}
		try(fmt.Sprintf("pages %b", set), p)
	}
	if empty == 0 || damaged == 0 {
		t.Errorf("%d were empty, %d damaged", empty, damaged)
	}
}
