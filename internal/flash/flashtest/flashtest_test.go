package flashtest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"wordclockd/internal/flash"
)

var small = flash.Geometry{Size: 1024, Sector: 512}

// TestDevice: it is flash as flash.Memory is.
func TestDevice(t *testing.T) {
	var l Line
	base := Content{}
	base.Store([]byte{0x0F, 0x0F}, 512)
	d, m := l.Device(small, base), flash.NewMemory(small)
	if err := m.Program([]byte{0x0F, 0x0F}, 512); err != nil {
		t.Fatal(err)
	}
	for i, do := range []func(d flash.Device) error{
		func(d flash.Device) error { return d.Program([]byte{1, 2, 3}, 62) },
		func(d flash.Device) error { return d.Program([]byte{0x01}, 512) },
		func(d flash.Device) error { return d.Program([]byte{0x10}, 512) }, // sets a bit
		func(d flash.Device) error { return d.Program([]byte{1, 2}, 1023) },
		func(d flash.Device) error { return d.Program([]byte{1}, -1) },
		func(d flash.Device) error { return d.Erase(0, 100) },
		func(d flash.Device) error { return d.Erase(512, 1024) },
		func(d flash.Device) error { return d.Erase(0, 512) },
		func(d flash.Device) error { return d.Program(bytes.Repeat([]byte{7}, 200), 30) },
		func(d flash.Device) error { return d.Sync() },
	} {
		got, want := do(d), do(m)
		if (got == nil) != (want == nil) {
			t.Fatalf("step %d: %v, want %v", i, got, want)
		}
		if _, misuse := errors.AsType[*flash.MisuseError](got); got != nil && !misuse {
			t.Errorf("step %d: %v, want a *MisuseError", i, got)
		}
		p, q := make([]byte, 1100), make([]byte, 1100)
		n, err := d.ReadAt(p, 0)
		k, also := m.ReadAt(q, 0)
		if n != k || err != io.EOF || also != io.EOF || !bytes.Equal(p, q) {
			t.Fatalf("step %d: holds %x, want %x", i, p[:n], q[:k])
		}
	}
	if _, err := d.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read below zero")
	}
	if got := base.piece(512 / HostSector); got[0] != 0x0F {
		t.Errorf("what it began with is %#x now", got[0])
	}
}

// contents returns what cuts of a segment leave of n bytes.
func contents(s Segment, m Measure, n int, under ...Content) (all []string) {
	for c := range s.Cuts(m) {
		p := make([]byte, n)
		c.Read(0, under, p, 0)
		all = append(all, string(p))
	}
	return all
}

// TestCuts counts what is left of two host sectors that are erased, then programmed.
func TestCuts(t *testing.T) {
	base := Content{}
	base.Store(bytes.Repeat([]byte{0xAA}, 2*HostSector), 0)
	var l Line
	d := l.Device(small, base)
	if err := errors.Join(d.Erase(0, 512), d.Program([]byte{1, 2, 3}, 62)); err != nil {
		t.Fatal(err)
	}
	if !d.Unsynced(127, 1) || d.Unsynced(128, 896) {
		t.Error("what is not synced is not what was changed")
	}
	segments := l.Segments()
	if len(segments) != 1 {
		t.Fatalf("%d segments, want 1", len(segments))
	}
	all := contents(segments[0], Measure{Most: 1 << 20}, 2*HostSector, base)
	// Of either: 3 states between, 63 within the erase; within the programming 1 of the
	// two bytes of the first one, and of the second one's only byte none.
	if want := 3*3 + (63+1)*3 + 3*63; len(all) != want {
		t.Errorf("%d contents, want %d", len(all), want)
	}
	seen := map[string]bool{}
	for _, c := range all {
		seen[c] = true
	}
	if len(seen) != len(all) {
		t.Errorf("%d contents are %d", len(all), len(seen))
	}
	old, blank := bytes.Repeat([]byte{0xAA}, HostSector), bytes.Repeat([]byte{0xFF}, HostSector)
	first, second := bytes.Clone(blank), bytes.Clone(blank)
	first[62], first[63], second[0] = 1, 2, 3
	half, torn := bytes.Clone(old), bytes.Clone(blank)
	copy(half, blank[:10])
	torn[62] = 1
	for name, want := range map[string][]byte{
		"nothing":                         append(bytes.Clone(old), old...),
		"all":                             append(bytes.Clone(first), second...),
		"the second, later change alone":  append(bytes.Clone(old), second...),
		"within the erase":                append(bytes.Clone(half), old...),
		"within the erase, the other new": append(bytes.Clone(half), second...),
		"within the programming":          append(bytes.Clone(torn), blank...),
	} {
		if !seen[string(want)] {
			t.Errorf("%s is missing", name)
		}
	}
	if err := d.Sync(); err != nil || d.Unsynced(0, 1024) {
		t.Errorf("synced, %v, and something is not", err)
	}
	if n := len(l.Segments()); n != 1 {
		t.Errorf("%d segments after the sync, want 1", n)
	}
}

// TestSample: a sample is smaller, holds none and all, and is the same again.
func TestSample(t *testing.T) {
	var l Line
	d := l.Device(flash.Geometry{Size: 8192, Sector: 4096})
	if err := d.Program(make([]byte, 4000), 0); err != nil {
		t.Fatal(err)
	}
	m := Measure{Most: 1000, Random: 5, Seed: 3}
	all := contents(l.Segments()[0], m, 4000)
	count := func(zeros int) (n int) {
		for _, c := range all {
			if strings.Count(c, "\x00") == zeros {
				n++
			}
		}
		return n
	}
	for _, zeros := range []int{0, 4000, 1, 63, 64, 4000 - 64, 31*64 + 1} {
		if count(zeros) == 0 {
			t.Errorf("no content with %d bytes programmed", zeros)
		}
	}
	if len(all) > 200 {
		t.Errorf("%d contents are no sample", len(all))
	}
	again := contents(l.Segments()[0], m, 4000)
	if strings.Join(all, "") != strings.Join(again, "") {
		t.Error("another sample of the same seed")
	}
}

// TestShared: what is not synced of one device stays so when another one is.
func TestShared(t *testing.T) {
	var l Line
	a, b := l.Device(small), l.Device(small)
	if err := errors.Join(a.Program([]byte{1}, 0), b.Program([]byte{2}, 0), b.Sync(), b.Program([]byte{3}, 64), a.Sync()); err != nil {
		t.Fatal(err)
	}
	segments := l.Segments()
	if len(segments) != 3 {
		t.Fatalf("%d segments, want 3", len(segments))
	}
	for i, want := range [][]Place{{{0, 0}, {1, 0}}, {{0, 0}, {1, 1}}, {{1, 1}}} {
		if got := segments[i].Places(); len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("segment %d: %v, want %v", i, got, want)
		}
	}
	if segments[0].Key(0) == segments[1].Key(0) {
		t.Error("two segments have the same key")
	}
}

func TestMonitor(t *testing.T) {
	table := flash.Table{Partitions: []flash.Partition{
		{Name: "otadata", Type: flash.TypeData, Subtype: flash.DataOTA, Off: 0, Size: 1024},
		{Name: "ota_0", Type: flash.TypeApp, Subtype: flash.AppOTA, Off: 1024, Size: 512},
		{Name: "ota_1", Type: flash.TypeApp, Subtype: flash.AppOTA + 1, Off: 1536, Size: 512},
	}}
	entry := func(seq uint32, state flash.State) []byte {
		p := flash.NewSelect(seq, state).Marshal()
		return p[:]
	}
	image := []byte{1, 2, 3}
	for _, c := range []struct {
		name string
		do   func(d *Device) error
		want string // what it objects to
	}{
		{"as it should be", func(d *Device) error {
			return errors.Join(d.Program(image, 1536), d.Sync(), d.Program(entry(2, flash.New), 512), d.Sync())
		}, ""},
		{"the image is not synced", func(d *Device) error {
			return errors.Join(d.Program(image, 1536), d.Program(entry(2, flash.New), 512))
		}, "otadata: entry 2 new selects ota_1, of which not all is synced"},
		{"another one is not", func(d *Device) error {
			return errors.Join(d.Program(image, 1024), d.Program(entry(2, flash.New), 512))
		}, ""},
		{"an entry that does not count", func(d *Device) error {
			return errors.Join(d.Program(image, 1536), d.Program(entry(2, flash.Invalid), 512))
		}, ""},
		{"an entry in two parts", func(d *Device) error {
			return errors.Join(d.Program(image, 1536), d.Program(entry(2, flash.New)[16:], 512+16), d.Program(entry(2, flash.New)[:16], 512))
		}, "otadata: entry 2 new selects ota_1, of which not all is synced"},
		{"a slot that is selected", func(d *Device) error {
			return errors.Join(d.Program(entry(1, flash.Valid), 0), d.Sync(), d.Program(image, 1024))
		}, "ota_0: program while entry 0 of otadata, 1 valid, selects it"},
		{"it is erased", func(d *Device) error {
			return errors.Join(d.Program(entry(1, flash.Valid), 0), d.Sync(), d.Erase(1024, 512))
		}, "ota_0: erase while entry 0 of otadata, 1 valid, selects it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l Line
			d := l.Device(flash.Geometry{Size: 2048, Sector: 512})
			l.Watch = Monitor(d, table)
			err := c.do(d)
			if err != l.Err() && (l.Err() == nil || err.Error() != l.Err().Error()) {
				t.Errorf("it fails with %v, and keeps %v", err, l.Err())
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("objects to %v, want %q", err, c.want)
			}
		})
	}
}
