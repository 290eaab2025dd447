package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
	"wordclockd/internal/proof"
)

// A twoSlots is a small flash with an image in its first slot.
var twoSlots = struct {
	geometry flash.Geometry
	table    flash.Table
}{
	flash.Geometry{Size: 0x30000, Sector: flash.SectorSize},
	flash.Table{Partitions: []flash.Partition{
		{Name: "otadata", Type: flash.TypeData, Subtype: flash.DataOTA, Off: 0x1000, Size: 0x2000},
		{Name: "ota_0", Type: flash.TypeApp, Subtype: flash.AppOTA, Off: 0x10000, Size: 0x8000},
		{Name: "ota_1", Type: flash.TypeApp, Subtype: flash.AppOTA + 1, Off: 0x20000, Size: 0x8000},
	}},
}

// imageOf returns an image of at least size bytes.
func imageOf(t testing.TB, version string, size int64) []byte {
	t.Helper()
	raw, err := flash.Build{Desc: flash.Desc{Version: version, Project: "wordclock"}, Size: size}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// installed returns a store of a device that holds 1.0.0 in its first slot, and
// those entries.
func installed(t testing.TB, d flash.Device, entries ...flash.Select) *Store {
	t.Helper()
	s, err := Open(d, flash.NewMemory(flash.FuseGeometry), twoSlots.table, "host")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Program(imageOf(t, "1.0.0", 0), twoSlots.table.Slots()[0].Off); err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if err := s.put(Put{i, e}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// startsWith returns the version that a start would begin with, and whether on trial.
func startsWith(t testing.TB, s *Store) (version string, trial bool) {
	t.Helper()
	v, err := s.Look()
	if err != nil {
		t.Fatal(err)
	}
	p := s.Plan(v)
	if len(p.Try) == 0 {
		return "", false
	}
	return v.at(p.Try[0]).Image.Version, p.Trial
}

func TestInstall(t *testing.T) {
	d := flash.NewMemory(twoSlots.geometry)
	s := installed(t, d)
	for _, image := range [][]byte{imageOf(t, "2.0.0", 20000), imageOf(t, "2.0.1", 0)} {
		if err := s.Install(1, 0, bytes.NewReader(image), int64(len(image))); err != nil {
			t.Fatal(err)
		}
		slot := make([]byte, 0x8000)
		if _, err := d.ReadAt(slot, 0x20000); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if !bytes.Equal(slot[:len(image)], image) || bytes.Count(slot[len(image):], []byte{0xFF}) != len(slot)-len(image) {
			t.Error("the slot does not hold the image, and nothing else")
		}
		if got, trial := startsWith(t, s); got != "1.0.0" || trial {
			t.Errorf("installed: a start begins with %s, trial %t", got, trial)
		}
	}
	if err := s.Stage(1, 0); err != nil {
		t.Fatal(err)
	}
	if got, trial := startsWith(t, s); got != "2.0.1" || !trial {
		t.Errorf("staged: a start begins with %s, trial %t", got, trial)
	}
	// Whoever installs another one takes it back, even if that comes to nothing.
	if err := s.Install(1, 0, strings.NewReader("short"), 100); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	if got, trial := startsWith(t, s); got != "1.0.0" || trial {
		t.Errorf("taken back: a start begins with %s, trial %t", got, trial)
	}
}

func TestInstallRefused(t *testing.T) {
	image := imageOf(t, "2.0.0", 0)
	for _, c := range []struct {
		name          string
		slot, running int
		size          int64
		want          string
	}{
		{"runs", 0, 0, 100, "install slot 0: the image that runs is in it"},
		{"no slot", 2, 0, 100, "install slot 2: there are 2"},
		{"factory", Factory, 0, 100, "install slot -1: there are 2"},
		{"too large", 1, 0, 0x8001, "32769 bytes do not fit into ota_1, which has 32768"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := flash.NewMemory(twoSlots.geometry)
			s := installed(t, d, flash.NewSelect(1, flash.Valid), flash.NewSelect(2, flash.Valid))
			if err := flash.Put(d, 0x20000, image); err != nil {
				t.Fatal(err)
			}
			if err := s.Install(c.slot, c.running, bytes.NewReader(image), c.size); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if got, _ := startsWith(t, s); got != "2.0.0" {
				t.Errorf("a start begins with %q: it was touched", got)
			}
		})
	}
}

// A forgetful device loses a byte of what it is given.
type forgetful struct {
	flash.Device
	at int64
}

func (d forgetful) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.Device.ReadAt(p, off)
	if i := d.at - off; i >= 0 && i < int64(n) {
		p[i] = 0xFF
	}
	return n, err
}

func TestFillReadsBack(t *testing.T) {
	content := bytes.Repeat([]byte{0x55}, 200000)
	for _, at := range []int64{0, 65535, 65536, 199999} {
		d := forgetful{flash.NewMemory(flash.Geometry{Size: 0x40000, Sector: flash.SectorSize}), at}
		if err := Fill(d, bytes.NewReader(content), int64(len(content))); err == nil {
			t.Errorf("byte %d was lost, and nobody saw it", at)
		}
	}
	d := flash.NewMemory(flash.Geometry{Size: 0x40000, Sector: flash.SectorSize})
	if err := Fill(d, bytes.NewReader(content), 100); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 101)
	if _, err := d.ReadAt(got, 0); err != nil || !bytes.Equal(got[:100], content[:100]) || got[100] != 0xFF {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := d.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if err := Fill(d, strings.NewReader(""), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadAt(got, 0); err != nil || bytes.Count(got, []byte{0xFF}) != len(got) {
		t.Errorf("after nothing was filled in: %x, %v", got, err)
	}
}

// TestInstallCut cuts the power anywhere while an image is installed and staged.
// The start after that begins with the one before or, on trial, with the new one;
// and nothing that is changed is selected meanwhile.
func TestInstallCut(t *testing.T) {
	begin := time.Now()
	cuts := 0
	for _, c := range []struct {
		name    string
		entries []flash.Select
		idle    []byte // what is in the slot before
	}{
		{"first update", nil, nil},
		{"another one", []flash.Select{flash.NewSelect(1, flash.Valid), flash.NewSelect(2, flash.Aborted)}, imageOf(t, "0.9.0", 9000)},
		{"over a damaged one that was selected", []flash.Select{flash.NewSelect(1, flash.Valid), flash.NewSelect(2, flash.Valid)}, []byte{0xE9, 1}},
		{"over one that is staged", []flash.Select{flash.NewSelect(1, flash.Valid), flash.NewSelect(2, flash.New)}, imageOf(t, "0.9.0", 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := flash.NewMemory(twoSlots.geometry)
			installed(t, before, c.entries...)
			if err := before.Program(c.idle, 0x20000); err != nil {
				t.Fatal(err)
			}
			raw := make([]byte, twoSlots.geometry.Size)
			if _, err := before.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			base := flashtest.Content{}
			base.Store(raw, 0)
			layers := []flashtest.Content{base} // an earlier one hides a later one

			var line flashtest.Line
			d := line.Device(twoSlots.geometry, base)
			line.Watch = flashtest.Monitor(d, twoSlots.table)
			s, err := Open(d, flash.NewMemory(flash.FuseGeometry), twoSlots.table, "host")
			if err != nil {
				t.Fatal(err)
			}
			image := imageOf(t, "2.0.0", 10000)
			if err := errors.Join(s.Install(1, 0, bytes.NewReader(image), int64(len(image))), s.Stage(1, 0)); err != nil {
				t.Fatal(err)
			}
			for i, segment := range line.Segments() {
				for cut := range segment.Cuts(flashtest.Measure{Most: 64, Random: 20, Seed: 1}) {
					cuts++
					if err := afterCut(t, slices.Insert(slices.Clone(layers), 0, cut.Content(0))); err != nil {
						t.Fatalf("segment %d: %v", i, err)
					}
				}
				layers = slices.Insert(layers, 0, segment.All().Content(0))
			}
		})
	}
	proof.Row(t, begin, "boot: power cut while an image is installed and staged, on sectors of 4 KiB", fmt.Sprintf("%d states", cuts))
}

// TestChangedIsDurable: that an image was given up is forgotten no sooner than the image
// is gone, durably, and durably itself.
func TestChangedIsDurable(t *testing.T) {
	var line flashtest.Line
	d := line.Device(twoSlots.geometry)
	s := installed(t, d, flash.NewSelect(1, flash.Valid), flash.NewSelect(2, flash.Aborted))
	if err := errors.Join(flash.Put(d, 0x20000, imageOf(t, "0.9.0", 0)), d.Erase(0x20000, flash.SectorSize)); err != nil {
		t.Fatal(err)
	}
	watched := 0
	line.Watch = func(d *flashtest.Device, c flashtest.Change) error {
		watched++
		if d.Unsynced(0x20000, 0x8000) {
			return fmt.Errorf("%s of otadata while what was erased can come back", c.Op)
		}
		return nil
	}
	if err := s.Changed(1, 0); err != nil || watched == 0 || d.Unsynced(0, twoSlots.geometry.Size) {
		t.Errorf("%d changes, unsynced %t, %v", watched, d.Unsynced(0, twoSlots.geometry.Size), err)
	}
}

// afterCut starts from what a cut left.
func afterCut(t *testing.T, layers []flashtest.Content) error {
	var line flashtest.Line
	s, err := Open(line.Device(twoSlots.geometry, layers...), flash.NewMemory(flash.FuseGeometry), twoSlots.table, "host")
	if err != nil {
		return err
	}
	switch version, trial := startsWith(t, s); {
	case version == "1.0.0" && !trial, version == "0.9.0" && trial, version == "2.0.0" && trial:
		return nil
	default:
		return fmt.Errorf("a start begins with %q, trial %t", version, trial)
	}
}
