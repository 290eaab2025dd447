package flash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newFuses() *Memory { return NewMemory(FuseGeometry) }

func key(n byte) (k KeyDigest) {
	k[0], k[31] = n, ^n
	return k
}

func load(t *testing.T, d Device) Fuses {
	t.Helper()
	f, err := LoadFuses(d)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func burn(t *testing.T, d Device, f Fuses) {
	t.Helper()
	if err := BurnFuses(d, f); err != nil {
		t.Fatal(err)
	}
}

// copies returns both copies as they lie there.
func copies(t *testing.T, d Device) (c [2][]byte) {
	t.Helper()
	p := all(t, d)
	for i := range c {
		c[i] = p[i*SectorSize:][:fuseSize]
	}
	return c
}

// TestBurn: what was burnt is there, in both copies, and stays.
func TestBurn(t *testing.T) {
	d := newFuses()
	if f := load(t, d); f.Level() != 0 || len(f.Keys) != 0 {
		t.Errorf("erased fuses are %+v", f)
	}
	burn(t, d, Fuses{})
	if got := all(t, d); bytes.Count(got, []byte{0xFF}) != len(got) {
		t.Error("to burn nothing wrote something")
	}
	want := Fuses{}
	for i, next := range []Fuses{
		Fuses{}.Raise(2),
		{Keys: []KeyDigest{key(1)}},                 // no level: the one that is there stays
		{Levels: 0x8000, Keys: []KeyDigest{key(1)}}, // a bit out of order counts as well
		{Keys: []KeyDigest{key(1), key(2), key(3)}},
		{Keys: []KeyDigest{key(1)}}, // fewer keys: those that are there stay
		{},
	} {
		burn(t, d, next)
		want = want.union(next)
		if got := load(t, d); !cmp.Equal(got, want) {
			t.Errorf("step %d: %+v, want %+v", i, got, want)
		}
		if c := copies(t, d); !bytes.Equal(c[0], c[1]) {
			t.Errorf("step %d: the copies differ", i)
		}
	}
	if want.Level() != 3 || len(want.Keys) != 3 {
		t.Errorf("in the end %+v", want)
	}
}

// TestBurnOnce: what is there already is not written again.
func TestBurnOnce(t *testing.T) {
	d := newFuses()
	f := Fuses{}.Raise(3)
	burn(t, d, f)
	dead := &failing{Device: d, program: errors.New("worn out"), erase: errors.New("worn out")}
	if err := BurnFuses(dead, f.Raise(2)); err != nil {
		t.Errorf("burn less than there is: %v", err)
	}
	if err := BurnFuses(dead, f.Raise(4)); err == nil {
		t.Error("burnt fuses that cannot be written")
	}
	if got := load(t, d); got.Level() < 3 {
		t.Errorf("level %d after a failure, want 3 or more", got.Level())
	}
}

// TestTornFuses: one copy that is damaged costs nothing, and is repaired first; two
// are an error.
func TestTornFuses(t *testing.T) {
	want, err := Fuses{}.Raise(5).Trust(key(7))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		for at := range fuseSize {
			d := newFuses()
			burn(t, d, want)
			damage(t, d, i, at)
			if got := load(t, d); !cmp.Equal(got, want) {
				t.Fatalf("copy %d, byte %d: %+v, want %+v", i, at, got, want)
			}
			burn(t, d, want)
			if c := copies(t, d); !bytes.Equal(c[0], c[1]) {
				t.Fatalf("copy %d, byte %d: not repaired", i, at)
			}
		}
	}
	d := newFuses()
	burn(t, d, want)
	damage(t, d, 0, 8)
	damage(t, d, 1, 40)
	var format *FormatError
	if f, err := LoadFuses(d); !errors.As(err, &format) || !cmp.Equal(f, Fuses{}) {
		t.Errorf("both damaged: %+v, %v, want a *FormatError", f, err)
	}
	if err := BurnFuses(d, want); !errors.As(err, &format) {
		t.Errorf("burn on damaged ones: %v, want a *FormatError", err)
	}
}

// damage changes a byte of a copy.
func damage(t *testing.T, d Device, n, at int) {
	t.Helper()
	c := bytes.Clone(copies(t, d)[n])
	c[at] ^= 0x10
	if err := Replace(d, int64(n)*SectorSize, c); err != nil {
		t.Fatal(err)
	}
}

// TestBurnCut: wherever the power goes while fuses are burnt, all that was burnt
// before is there, and a later attempt succeeds.
func TestBurnCut(t *testing.T) {
	old := Fuses{}.Raise(1)
	next, err := old.Raise(4).Trust(key(9))
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} { // the first burn of all, and a later one
		for n := 0; ; n++ {
			d := newFuses()
			was := Fuses{}
			if !first {
				burn(t, d, old)
				was = old
			}
			c := &cut{Device: d, left: n}
			done := BurnFuses(c, next) == nil
			if got := load(t, d); !cmp.Equal(got, was) && !cmp.Equal(got, next) {
				t.Fatalf("cut after %d bytes: %+v, want %+v or %+v", n, got, was, next)
			}
			burn(t, d, next)
			if got := load(t, d); !cmp.Equal(got, next) {
				t.Fatalf("cut after %d bytes, and again: %+v, want %+v", n, got, next)
			}
			if done {
				if n < 2*fuseSize {
					t.Errorf("done after %d bytes", n)
				}
				break
			}
		}
	}
}

// TestBurnCutTwice: nor does a second cut take away what the first one left, even of
// a burn that only one copy has.
func TestBurnCutTwice(t *testing.T) {
	next, err := Fuses{}.Raise(1).Trust(key(1))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2*fuseSize + 2 {
		for m := 0; m < 2*fuseSize+2; m += 5 {
			d := newFuses()
			burn(t, d, Fuses{}.Raise(1))
			_ = BurnFuses(&cut{Device: d, left: n}, next)
			was := load(t, d)
			_ = BurnFuses(&cut{Device: d, left: m}, was.Raise(3))
			if got := load(t, d); got.Level() < was.Level() || len(got.Keys) < len(was.Keys) {
				t.Fatalf("cuts after %d and %d bytes: %+v, and %+v before", n, m, got, was)
			}
		}
	}
}

// cut is a device whose power goes after left bytes; an erase counts as one.
type cut struct {
	Device
	left int
}

var errCut = errors.New("cut")

func (c *cut) Program(p []byte, off int64) error {
	n := min(c.left, len(p))
	c.left -= n
	if err := c.Device.Program(p[:n], off); err != nil || n == len(p) {
		return err
	}
	return errCut
}

func (c *cut) Erase(off, n int64) error {
	if c.left == 0 {
		return errCut
	}
	c.left--
	return c.Device.Erase(off, n)
}

// TestLoadUnion: of two whole copies that differ, all bits count.
func TestLoadUnion(t *testing.T) {
	d := newFuses()
	for i, f := range []Fuses{{Levels: 0b0101, Keys: []KeyDigest{key(1), key(2)}}, {Levels: 0b0110, Keys: []KeyDigest{key(1)}}} {
		if err := Replace(d, int64(i)*SectorSize, f.append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	want := Fuses{Levels: 0b0111, Keys: []KeyDigest{key(1), key(2)}}
	if got := load(t, d); !cmp.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	errIO := errors.New("io")
	if f, err := LoadFuses(&failing{Device: d, read: errIO}); !errors.Is(err, errIO) || !cmp.Equal(f, Fuses{}) {
		t.Errorf("%+v, %v, want %v", f, err, errIO)
	}
}

// TestRaise: the level rises to what is asked for, to 16 at most, and never falls.
func TestRaise(t *testing.T) {
	f := Fuses{}
	for _, c := range []struct{ to, want int }{{0, 0}, {-1, 0}, {1, 1}, {5, 5}, {3, 5}, {16, 16}, {17, 16}, {math.MaxInt, 16}, {0, 16}} {
		before := f.Levels
		f = f.Raise(c.to)
		if f.Level() != c.want || f.Levels&before != before {
			t.Errorf("raised to %d: level %d, want %d; %016b was %016b", c.to, f.Level(), c.want, f.Levels, before)
		}
	}
	if got := (Fuses{Levels: 0x8000}).Raise(2); got.Levels != 0x8001 {
		t.Errorf("%016b, want one bit more", got.Levels)
	}
}

// TestTrust: three keys, each once, in order.
func TestTrust(t *testing.T) {
	var f Fuses
	var err error
	for n := range byte(MaxKeys) {
		before := f
		for range 2 { // twice is once
			if f, err = f.Trust(key(n)); err != nil {
				t.Fatal(err)
			}
		}
		if len(f.Keys) != int(n)+1 || len(before.Keys) != int(n) || f.Keys[n] != key(n) {
			t.Errorf("keys %v, before %v", f.Keys, before.Keys)
		}
	}
	if got, err := f.Trust(key(99)); err == nil || !cmp.Equal(got, f) {
		t.Errorf("a fourth key: %v, %v", got, err)
	}
	if _, err := f.Trust(key(1)); err != nil {
		t.Errorf("one that is trusted: %v", err)
	}
}

// FuzzFuses: what is read is written as it was, and of what is not read nothing is
// returned.
func FuzzFuses(f *testing.F) {
	for n := range MaxKeys + 1 {
		x := Fuses{}.Raise(4 * n)
		for i := range n {
			x, _ = x.Trust(key(byte(i)))
		}
		f.Add(x.append(nil))
	}
	f.Add(bytes.Repeat([]byte{0xFF}, fuseSize))
	f.Add([]byte(fuseMagic))
	bad := Fuses{}.append(nil)
	bad[10] = MaxKeys + 1
	f.Add(bad)
	f.Fuzz(func(t *testing.T, b []byte) {
		p := make([]byte, fuseSize)
		copy(p, b)
		x, err := readFuses(p)
		if err != nil {
			var format *FormatError
			if !errors.As(err, &format) || !cmp.Equal(x, Fuses{}) {
				t.Errorf("%+v, %v: want a *FormatError and nothing else", x, err)
			}
			return
		}
		if got := x.append(nil); !bytes.Equal(got, p) {
			t.Errorf("read % x, wrote % x", p, got)
		}
		if len(x.Keys) > MaxKeys || x.Level() > MaxLevel {
			t.Errorf("%d keys, level %d", len(x.Keys), x.Level())
		}
	})
}

// TestFuseChecks: a checksum that is right does not make up for content that is not.
func TestFuseChecks(t *testing.T) {
	for name, change := range map[string]func(p []byte){
		"magic":           func(p []byte) { p[0] = 'w' },
		"version":         func(p []byte) { p[7] = 2 },
		"four keys":       func(p []byte) { p[10] = 4 },
		"a reserved byte": func(p []byte) { p[11] = 1 },
		"a key more":      func(p []byte) { p[12+32] = 1 },
	} {
		f, err := Fuses{}.Raise(1).Trust(key(1))
		if err != nil {
			t.Fatal(err)
		}
		p := f.append(nil)
		change(p)
		if got, err := readFuses(resum(p)); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

// resum returns a copy of the fuses with the checksum that it ought to have.
func resum(p []byte) []byte {
	p = p[:fuseSize-4]
	return binary.LittleEndian.AppendUint32(p, crc32.ChecksumIEEE(p))
}
