package boot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
	"wordclockd/internal/proof"
)

// miniature is a flash of the smallest parts: every byte of every operation, and
// every subset of what was not synced.
func miniature(t testing.TB) *world {
	t.Helper()
	const sector = 512
	w := &world{
		geometry: flash.Geometry{Size: 0x9C00, Sector: sector},
		fuses:    flash.Geometry{Size: 2 * sector, Sector: sector},
		partitions: flash.Table{Partitions: []flash.Partition{
			{Name: "otadata", Type: flash.TypeData, Subtype: flash.DataOTA, Off: 0x9000, Size: 2 * sector},
			{Name: "ota_0", Type: flash.TypeApp, Subtype: flash.AppOTA, Off: 0x9400, Size: 2 * sector},
			{Name: "ota_1", Type: flash.TypeApp, Subtype: flash.AppOTA + 1, Off: 0x9800, Size: 2 * sector},
		}},
		measure: flashtest.Measure{Most: 1 << 18},
	}
	w.images = images(t, 0, 0, 0, 1, 1)
	if err := w.init(); err != nil {
		t.Fatal(err)
	}
	return w
}

// images builds images with these secure versions, of size bytes at least.
func images(t testing.TB, size int64, versions ...uint32) (all []blob) {
	t.Helper()
	for i, v := range versions {
		raw, err := flash.Build{
			Desc: flash.Desc{Version: fmt.Sprintf("%d.0.0", i+1), Project: "wordclock", SecureVersion: v},
			Time: time.Unix(0, 0), Size: size,
		}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, blob{raw: raw, digest: [32]byte(raw[len(raw)-32:]), version: v})
	}
	return all
}

// fresh is a disk on which nothing was ever done.
var fresh = disk{
	table: tableBlank,
	entry: [2]flashtest.Piece{blankPiece, blankPiece},
	slot:  [2]int8{blankSlot, blankSlot},
}

// begin reaches what a sweep begins with: a blank flash, and flashes of real clocks,
// which confirm nothing, and write other states.
func (s *sweep) begin() {
	fuses := s.blown()
	if s.create != nil || s.wrap == nil {
		d := fresh
		d.fuse = fuses
		s.reach(node{d, NoSlot}, 0, came{})
	}
	entry := func(seq uint32, state flash.State) flashtest.Piece { return flash.NewSelect(seq, state).Marshal() }
	for _, e := range [][2]flashtest.Piece{
		{blankPiece, blankPiece},
		{entry(1, flash.Undefined), blankPiece},
		{entry(1, flash.Valid), entry(2, flash.Undefined)},
		{entry(3, flash.Undefined), entry(2, flash.Undefined)},
	} {
		s.reach(node{disk{entry: e, slot: [2]int8{0, 1}, fuse: fuses}, NoSlot}, 0, came{})
	}
}

// blown are the fuses that a sweep begins with.
func (w *world) blown() (raw [2]string) {
	f := flash.Fuses{Keys: w.signed}
	d := flash.NewMemory(w.fuses)
	if err := flash.BurnFuses(d, f); err != nil {
		panic(err)
	}
	for i := range raw {
		p := make([]byte, 128)
		_, _ = d.ReadAt(p, int64(i)*w.fuses.Sector)
		raw[i] = wholeFuse(p)
	}
	return raw
}

// again creates the flash anew where there was one.
func (s *sweep) again() error {
	o := op{name: "create again", kind: creating, do: func(b *bench) (int, error) { return NoSlot, b.create() }}
	for _, n := range s.order {
		if n.table != tableWhole || n.run != NoSlot || n.fuse != [2]string{} || s.random.IntN(len(s.seen)) > 40 {
			continue
		}
		if err := s.step(n, o, 0); err != nil {
			return fmt.Errorf("%s at %s: %w", o.name, n, err)
		}
	}
	return nil
}

// updates installs a further image at nodes where nothing runs, one of so many.
func (s *sweep) updates(of int) error {
	for _, n := range s.order {
		if n.run != NoSlot || s.random.IntN(of) > 0 {
			continue
		}
		if err := s.update(n.disk); err != nil {
			return fmt.Errorf("a further update at %s: %w, by way of%s", n, err, s.path(n))
		}
	}
	return nil
}

// some returns about n of the disks that were explored.
func (s *sweep) some(n int) (disks []disk) {
	for _, x := range s.order {
		if s.random.IntN(len(s.order)) < n {
			disks = append(disks, x.disk)
		}
	}
	return disks
}

// TestSweepMiniature explores all that any number of cuts leaves, then checks that
// what was put the same is the same: from disks that are not as they were put
// nothing else is reached.
func TestSweepMiniature(t *testing.T) {
	begin := time.Now()
	s := newSweep(miniature(t))
	s.begin()
	if err := s.explore(); err != nil {
		t.Fatal(err)
	}
	points, states := s.points, len(s.seen)
	if err := s.updates(1); err != nil {
		t.Error(err)
	}
	samples := 0
	for _, seed := range proof.Seeds(t, 1) {
		s.random = rand.New(rand.NewPCG(seed, 1))
		for _, d := range append(slices.Clone(s.samples), s.some(200)...) {
			if err := s.merged(node{s.unlike(d), NoSlot}, 2); err != nil {
				t.Fatalf("seed %d: what was put the same is not: %v", seed, err)
			}
			samples++
		}
	}
	if err := s.again(); err != nil {
		t.Error(err)
	}
	proof.Row(t, begin, "boot: power cuts, miniature", fmt.Sprintf("%d points, %d states, %d samples of what was put the same", points, states, samples))
}

// TestSweepReal cuts a flash as real ones are, at some bytes of what is long and at
// all of what is short, and then once more the starts from all that this leaves;
// by `make soak` whatever else can be done there, too.
func TestSweepReal(t *testing.T) {
	begin := time.Now()
	seeds := proof.Seeds(t, 1)
	s := newSweep(realSize(t, seeds[0]))
	s.cuts = min(len(seeds), 2)
	s.begin()
	if err := s.explore(); err != nil {
		t.Fatal(err)
	}
	if err := s.updates(3); err != nil {
		t.Error(err)
	}
	proof.Row(t, begin, "boot: power cuts, real size", fmt.Sprintf("%d points, %d states", s.points, len(s.seen)))
}

// realSize is the flash of a real clock, and images of 70 kB.
func realSize(t testing.TB, seed uint64) *world {
	t.Helper()
	w := &world{
		geometry:   flash.Geometry{Size: 8 << 20, Sector: flash.SectorSize},
		fuses:      flash.FuseGeometry,
		partitions: flash.Intended(),
		images:     images(t, 70<<10, 0, 1),
		measure:    flashtest.Measure{Most: 1 << 12, Random: 8, Seed: seed},
	}
	if err := w.init(); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestSweepFuses cuts each change of the fuses: they only grow, and what was
// acknowledged stays.
func TestSweepFuses(t *testing.T) {
	begin := time.Now()
	g := flash.Geometry{Size: 1024, Sector: 512}
	type state [2]string // the copies
	content := func(s state) flashtest.Content {
		c := flashtest.Content{}
		for i, raw := range s {
			c.Store([]byte(raw), int64(i)*g.Sector)
		}
		return c
	}
	// covers reports whether f has all that g has.
	covers := func(f, g flash.Fuses) bool {
		return f.Levels&g.Levels == g.Levels && len(f.Keys) >= len(g.Keys) && slices.Equal(f.Keys[:len(g.Keys)], g.Keys)
	}
	points := 0
	seen, queue := map[state]bool{{}: true}, []state{{}}
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		before, err := flash.LoadFuses(new(flashtest.Line).Device(g, content(from)))
		if err != nil {
			t.Fatalf("%q: %v", from, err)
		}
		for _, change := range []func(f flash.Fuses) (flash.Fuses, error){
			func(f flash.Fuses) (flash.Fuses, error) { return f, nil },
			func(f flash.Fuses) (flash.Fuses, error) { return f.Raise(1), nil },
			func(f flash.Fuses) (flash.Fuses, error) { return f.Raise(3), nil },
			func(f flash.Fuses) (flash.Fuses, error) { return f.Trust(flash.KeyDigest{1}) },
			func(f flash.Fuses) (flash.Fuses, error) { return f.Trust(flash.KeyDigest{2}) },
		} {
			want, err := change(before)
			if err != nil {
				t.Fatal(err)
			}
			line := &flashtest.Line{}
			d := line.Device(g, content(from))
			if err := flash.BurnFuses(d, want); err != nil {
				t.Fatalf("%q: %v", from, err)
			}
			if now, err := flash.LoadFuses(d); err != nil || !covers(now, want) || d.Unsynced(0, g.Size) {
				t.Fatalf("%q: burnt %v, and there is %v, %v", from, want, now, err)
			}
			under := []flashtest.Content{content(from)}
			for _, s := range line.Segments() {
				for c := range s.Cuts(flashtest.Measure{Most: 1 << 18}) {
					points++
					d := new(flashtest.Line).Device(g, append([]flashtest.Content{c.Content(0)}, under...)...)
					if now, err := flash.LoadFuses(d); err != nil || !covers(now, before) || !covers(want, now) {
						t.Fatalf("%q: cut while %v was burnt, and there is %v, %v", from, want, now, err)
					}
					var left state
					for i := range left {
						raw := make([]byte, 128)
						c.Read(0, under, raw, int64(i)*g.Sector)
						left[i] = wholeFuse(raw)
					}
					if !seen[left] {
						seen[left] = true
						queue = append(queue, left)
					}
				}
				under = append([]flashtest.Content{s.All().Content(0)}, under...)
			}
		}
	}
	proof.Row(t, begin, "boot: power cuts, fuses", fmt.Sprintf("%d points, %d states", points, len(seen)))
}
