package boot

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"wordclockd/internal/flash"
)

func blankFlash() *flash.Memory {
	return flash.NewMemory(flash.Geometry{Size: 8 << 20, Sector: flash.SectorSize})
}

// TestCreate: what is created is read, and started as it was confirmed; creating it
// again leaves nothing of what was there.
func TestCreate(t *testing.T) {
	dev := blankFlash()
	if _, err := ReadTable(dev); !errors.Is(err, ErrUnfinished) {
		t.Errorf("blank: %v, want %v", err, ErrUnfinished)
	}
	two := images(t, 0, 0, 0)
	for _, app := range two {
		if err := dev.Program([]byte("old"), 0x300000); err != nil {
			t.Fatal(err)
		}
		if err := Create(dev, flash.Intended(), app.raw); err != nil {
			t.Fatal(err)
		}
		table, err := ReadTable(dev)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(dev, flash.NewMemory(flash.FuseGeometry), table, "host")
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.Look()
		if err != nil {
			t.Fatal(err)
		}
		if p := s.Plan(v); len(p.Try) != 1 || p.Try[0] != 0 || p.Trial {
			t.Errorf("plan %+v, want slot 0", p)
		}
		if v.Contents[0].Image.Digest != app.digest || v.Contents[1].Err != ErrBlank {
			t.Errorf("contents %+v", v.Contents)
		}
		left := make([]byte, 3)
		if _, err := dev.ReadAt(left, 0x300000); err != nil || string(left) != "\xFF\xFF\xFF" {
			t.Errorf("%q is left, %v", left, err)
		}
	}
}

func TestCreateRefused(t *testing.T) {
	app := images(t, 0, 0)[0].raw
	bad := bytes.Clone(app)
	bad[100] ^= 1
	data := flash.Table{Partitions: []flash.Partition{{Name: "nvs", Type: flash.TypeData, Subtype: flash.DataNVS, Off: 0x9000, Size: 0x6000}}}
	for _, c := range []struct {
		name  string
		table flash.Table
		app   []byte
		want  string
	}{
		{"no place", data, app, "the partition table has no place for an image"},
		{"too large", flash.Intended(), make([]byte, 0x280001), "do not fit into ota_0"},
		{"no table", flash.Table{}, app, "0 partitions"},
		{"damaged", flash.Intended(), bad, "read image: "},
	} {
		dev := blankFlash()
		err := Create(dev, c.table, c.app)
		if err == nil || !strings.HasPrefix(err.Error(), "create flash: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		if _, err := ReadTable(dev); !errors.Is(err, ErrUnfinished) {
			t.Errorf("%s: then %v, want %v", c.name, err, ErrUnfinished)
		}
	}
}

// TestDamagedTable: a flash that was used is not created anew for that.
func TestDamagedTable(t *testing.T) {
	app := images(t, 0, 0)[0].raw
	used := func(t *testing.T) *flash.Memory {
		t.Helper()
		dev := blankFlash()
		entry := flash.NewSelect(1, flash.Valid).Marshal()
		if err := errors.Join(Create(dev, flash.Intended(), app), dev.Program(entry[:], 0xF000)); err != nil {
			t.Fatal(err)
		}
		return dev
	}
	zeros := make([]byte, 64)
	t.Run("an image is there", func(t *testing.T) {
		dev := used(t)
		if err := dev.Program(zeros, flash.TableOffset+64); err != nil {
			t.Fatal(err)
		}
		if table, err := ReadTable(dev); err != nil || len(table.Slots()) != 2 {
			t.Errorf("%+v, %v, want the intended table", table, err)
		}
	})
	t.Run("none is", func(t *testing.T) {
		dev := used(t)
		if err := errors.Join(dev.Program(zeros, flash.TableOffset+64), dev.Program(zeros, 0x20000)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTable(dev); err == nil || errors.Is(err, ErrUnfinished) {
			t.Errorf("%v, want what is wrong with it", err)
		} else if _, ok := errors.AsType[*flash.FormatError](err); !ok {
			t.Errorf("%v, want a *FormatError", err)
		}
	})
	t.Run("nothing was started, and an image is there", func(t *testing.T) {
		dev := blankFlash()
		if err := errors.Join(Create(dev, flash.Intended(), app), dev.Program(zeros, flash.TableOffset+64)); err != nil {
			t.Fatal(err)
		}
		if table, err := ReadTable(dev); err != nil || len(table.Slots()) != 2 {
			t.Errorf("%+v, %v, want the intended table", table, err)
		}
	})
	t.Run("one without a checksum", func(t *testing.T) {
		dev := blankFlash()
		short := flash.Intended()
		short.Partitions, short.NoMD5 = short.Partitions[:5], true
		if err := Create(dev, short, app); err != nil {
			t.Fatal(err)
		}
		if table, err := ReadTable(dev); err != nil || len(table.Partitions) != 5 {
			t.Errorf("%+v, %v, want the five partitions that it has", table, err)
		}
	})
	t.Run("of a flash of another shape", func(t *testing.T) {
		dev := blankFlash()
		other, err := flash.ParseTable([]byte("otadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,0x20000,0x100000\nota_1,app,ota_1,0x120000,0x100000\nota_2,app,ota_2,0x220000,0x100000\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(Create(dev, other, app), dev.Program([]byte{0}, flash.TableOffset+32*4+20)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTable(dev); err == nil || errors.Is(err, ErrUnfinished) {
			t.Errorf("%v, want what is wrong with it", err)
		}
	})
	t.Run("a file of zeros", func(t *testing.T) {
		dev := blankFlash()
		if err := dev.Program(make([]byte, 0x20000), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTable(dev); !errors.Is(err, ErrUnfinished) {
			t.Errorf("%v, want %v", err, ErrUnfinished)
		}
	})
	t.Run("it does not fit", func(t *testing.T) {
		dev := flash.NewMemory(flash.Geometry{Size: 4 << 20, Sector: flash.SectorSize})
		raw, err := flash.Intended().Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := dev.Program(raw, flash.TableOffset); err != nil {
			t.Fatal(err)
		}
		_, err = ReadTable(dev)
		if _, ok := errors.AsType[*flash.TableError](err); !ok {
			t.Errorf("%v, want a *TableError", err)
		}
	})
	t.Run("too small for one", func(t *testing.T) {
		dev := flash.NewMemory(flash.Geometry{Size: 4096, Sector: flash.SectorSize})
		if _, err := ReadTable(dev); err == nil || errors.Is(err, ErrUnfinished) {
			t.Errorf("%v", err)
		}
		if err := Create(dev, flash.Intended(), app); err == nil {
			t.Error("was created")
		}
	})
}
