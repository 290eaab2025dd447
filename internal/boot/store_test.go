package boot

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"wordclockd/internal/flash"
)

// newRigOf is newRig for another table, as a CSV file has it, and a flash of size
// bytes.
func newRigOf(t *testing.T, csv string, size int64, otadata string, versions ...string) *rig {
	t.Helper()
	r := newRig(t, "-|-")
	table, err := flash.ParseTable([]byte(csv))
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Check(size); err != nil {
		t.Fatal(err)
	}
	r.table, r.dev = table, flash.NewMemory(flash.Geometry{Size: size, Sector: flash.SectorSize})
	for slot, v := range versions {
		if v != "" {
			r.write(slot, build(t, v, 0))
		}
	}
	r.entries(parseOtadata(t, otadata))
	return r
}

const (
	// The clock's table with a factory image, and one slot.
	factoryTable = `
nvs,      data, nvs,     0x9000,   0x6000,
otadata,  data, ota,     0xf000,   0x2000,
phy_init, data, phy,     0x11000,  0x1000,
factory,  app,  factory, 0x20000,  0x280000,
ota_0,    app,  ota_0,   0x2a0000, 0x280000,
`
	threeTable = `
otadata,  data, ota,     0xf000,   0x2000,
ota_0,    app,  ota_0,   0x20000,  0x100000,
ota_1,    app,  ota_1,   0x120000, 0x100000,
ota_2,    app,  ota_2,   0x220000, 0x100000,
test,     app,  test,    0x320000, 0x100000,
`
	largeTable = `
otadata,  data, ota,     0xf000,   0x2000,
ota_0,    app,  ota_0,   0x20000,  64M,
ota_1,    app,  ota_1,   ,         64M,
`
	aloneTable = `
factory,  app,  factory, 0x20000,  0x280000,
`
)

// boot is a start up to the point where the image would begin.
func (r *rig) boot() Plan {
	r.t.Helper()
	s := r.store()
	v, err := s.Look()
	if err != nil {
		r.t.Fatal(err)
	}
	p := s.Plan(v)
	if err := s.carryOut(p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// boots checks what is started, and that otadata is so then.
func (r *rig) boots(slot int, trial bool, otadata string) {
	r.t.Helper()
	p := r.boot()
	if len(p.Try) == 0 || p.Try[0] != slot || p.Trial != trial {
		r.t.Errorf("tries %v, trial %v, want %d, %v", p.Try, p.Trial, slot, trial)
	}
	r.holds(otadata)
}

// does checks that a step succeeded, and what is in otadata then.
func (r *rig) does(err error, otadata string) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
	r.holds(otadata)
}

// rot damages the image in a slot.
func (r *rig) rot(slot int) {
	r.t.Helper()
	if err := r.slot(slot).Program(bytes.Repeat([]byte{0}, 16), 200); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) level(want int) {
	r.t.Helper()
	f, err := flash.LoadFuses(r.fuses)
	if err != nil || f.Level() != want {
		r.t.Errorf("level %d, %v, want %d", f.Level(), err, want)
	}
}

// TestStoreUpdate is an update by hand, and one that is rejected.
func TestStoreUpdate(t *testing.T) {
	r := newRig(t, "-|-", "1.0")
	r.boots(0, false, "1V|-")
	r.does(r.store().Free(1, 0), "1V|-")
	r.write(1, build(t, "2.0", 0))
	r.boots(0, false, "1V|-") // it was not staged
	r.does(r.store().Stage(1, 0), "1V|2NEW")
	r.boots(1, true, "1V|2PEND")
	r.does(r.store().Confirm(1), "1V|2V")
	r.does(r.store().Confirm(1), "1V|2V")
	r.does(r.store().Confirm(0), "1V|2V")
	r.boots(1, false, "1V|2V")
	r.does(r.store().Reject(1, User), "1V|2INV")
	r.boots(0, false, "1V|2INV")
	var rollback *RollbackError
	if err := r.store().Reject(0, User); !errors.As(err, &rollback) || rollback.Next != nil {
		t.Errorf("reject what is left: %v, want a *RollbackError", err)
	}
	r.holds("1V|2INV")
	v, err := r.store().Look()
	if err != nil || v.GivenUp(1) != User || v.GivenUp(0) != None || v.GivenUp(Factory) != None || v.GivenUp(7) != None {
		t.Errorf("given up for %q, %v", v.GivenUp(1), err)
	}
	r.does(r.store().Stage(1, 0), "1V|2NEW")
	if err := r.store().Reject(0, User); !errors.As(err, &rollback) || rollback.Next == nil || rollback.Next.Version != "2.0" {
		t.Errorf("reject what the next one falls back to: %v, want a *RollbackError of 2.0", err)
	}
	r.boots(1, true, "1V|2PEND") // though 2 was confirmed before
}

// TestContents: what a store says of each app partition.
func TestContents(t *testing.T) {
	r := newRigOf(t, factoryTable, 8<<20, "-|-", "1.0")
	v, err := r.store().Look()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range v.Contents {
		text := fmt.Sprint(c.Name, " ", c.Slot)
		if c.Image != nil {
			text += " " + c.Image.Version
		}
		if c.Err != nil {
			text += " " + c.Err.Error()
		}
		got = append(got, text)
	}
	if want := []string{"ota_0 0 1.0", "factory -1 nothing is there"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := r.store().Numbered(); n != 1 {
		t.Errorf("%d slots are numbered, want 1", n)
	}
}

// TestRunsTheOther: while the active image is damaged, the other one runs; it can be
// updated, and the entry of what runs is the one that stays.
func TestRunsTheOther(t *testing.T) {
	r := newRig(t, "1V|2V", "1.0", "2.0")
	r.rot(1)
	r.boots(0, false, "1V|2V")
	r.boots(0, false, "1V|2V")
	r.does(r.store().Confirm(0), "1V|2V")
	r.does(r.store().Free(1, 0), "1V|-")
	r.write(1, build(t, "3.0", 0))
	r.does(r.store().Stage(1, 0), "1V|2NEW")
	r.boots(1, true, "1V|2PEND")
	r.does(r.store().Reject(1, CheckFailed), "1V|2INV")
	r.boots(0, false, "1V|2INV")
}

// TestOneNameTwice: both entries are about one slot, as ESP-IDF writes them when the
// slot that is active is made so again.
func TestOneNameTwice(t *testing.T) {
	r := newRig(t, "2U|2V", "1.0", "2.0")
	r.boots(1, false, "2U|2V")
	r.does(r.store().Free(0, 1), "2U|2V")
	r.write(0, build(t, "3.0", 0))
	r.does(r.store().Stage(0, 1), "2U|3NEW")
	r.boots(0, true, "2U|3PEND")
	r.does(r.store().Confirm(0), "2U|3V")
	r.boots(0, false, "2U|3V")

	r = newRig(t, "1V|3V", "1.0", "2.0") // and the image is damaged
	r.rot(0)
	r.boots(1, false, "1V|3V")
	r.does(r.store().Free(0, 1), "4V|-")
	r.boots(1, false, "4V|-")
}

// TestOneSlot: with a factory image and one slot, the slot is updated from the
// factory image alone.
func TestOneSlot(t *testing.T) {
	r := newRigOf(t, factoryTable, 8<<20, "-|-")
	p, _ := r.table.Named("factory")
	if err := flash.Region(r.dev, p.Off, p.Size).Program(build(t, "1.0", 0), 0); err != nil {
		t.Fatal(err)
	}
	r.boots(Factory, false, "-|-")
	r.write(0, build(t, "2.0", 0))
	r.boots(Factory, false, "-|-")
	r.does(r.store().Stage(0, Factory), "1NEW|-")
	r.boots(0, true, "1PEND|-")
	r.does(r.store().Reject(0, CheckFailed), "1INV|-")
	r.boots(Factory, false, "1INV|-")
	if err := r.store().Reject(Factory, User); err == nil {
		t.Error("the factory image was rejected")
	}
	r.does(r.store().Confirm(Factory), "1INV|-")
	r.does(r.store().Free(0, Factory), "1INV|-")
	r.write(0, build(t, "3.0", 0))
	if err := r.store().Stage(0, Factory); err != nil {
		t.Fatal(err)
	}
	if p := r.boot(); p.Try[0] != 0 || !p.Trial {
		t.Errorf("%+v, want slot 0 on trial", p)
	}
	if err := r.store().Confirm(0); err != nil {
		t.Error(err)
	}
	if p := r.boot(); p.Try[0] != 0 || p.Trial {
		t.Errorf("%+v, want slot 0", p)
	}
	if r.store().Free(0, 0) == nil || r.store().Stage(0, 0) == nil {
		t.Error("the image that runs can be overwritten")
	}
}

// TestNoSlot: a table with one image, and nowhere to put another, or to write down
// which.
func TestNoSlot(t *testing.T) {
	r := newRigOf(t, aloneTable, 8<<20, "-|-")
	p, _ := r.table.Named("factory")
	if err := flash.Region(r.dev, p.Off, p.Size).Program(build(t, "1.0", 0), 0); err != nil {
		t.Fatal(err)
	}
	if p := r.boot(); !slices.Equal(p.Try, []int{Factory}) || p.Trial {
		t.Errorf("%+v", p)
	}
	s := r.store()
	if err := s.Confirm(Factory); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"free": s.Free(0, Factory), "stage": s.Stage(0, Factory), "reject": s.Reject(Factory, User), "write": s.put(Put{0, flash.NewSelect(1, flash.Valid)}),
	} {
		if err == nil {
			t.Errorf("%s: it was done", what)
		}
	}
}

// TestEntriesWithoutSlots: entries that can be about nothing disturb nobody.
func TestEntriesWithoutSlots(t *testing.T) {
	r := newRigOf(t, "otadata, data, ota, 0xf000, 0x2000,"+aloneTable, 8<<20, "1PEND|2V")
	p, _ := r.table.Named("factory")
	if err := flash.Region(r.dev, p.Off, p.Size).Program(build(t, "1.0", 0), 0); err != nil {
		t.Fatal(err)
	}
	r.boots(Factory, false, "1PEND|2V")
	r.does(r.store().Confirm(Factory), "1PEND|2V")
	r.does(r.store().trial(Factory, stopped), "1PEND|2V")
	if err := r.store().Reject(Factory, User); err == nil {
		t.Error("the only image was rejected")
	}
}

// TestThreeSlots: numbers go around three, and a rejected image is not fallen back
// to while there is another.
func TestThreeSlots(t *testing.T) {
	r := newRigOf(t, threeTable, 8<<20, "-|-", "1.0", "2.0", "3.0")
	r.boots(0, false, "1V|-")
	r.does(r.store().Stage(2, 0), "1V|3NEW")
	r.boots(2, true, "1V|3PEND")
	r.does(r.store().Confirm(2), "1V|3V")
	r.does(r.store().Stage(1, 2), "5NEW|3V")
	r.boots(1, true, "5PEND|3V")
	r.does(r.store().Reject(1, CheckFailed), "5INV|3V")
	r.rot(2)
	r.boots(0, false, "5INV|3V") // not slot 1, which would come first
	r.does(r.store().Free(1, 0), "4V|3V")
	r.write(1, build(t, "4.0", 0))
	r.does(r.store().Stage(1, 0), "4V|5NEW")
	r.boots(1, true, "4V|5PEND")
}

// TestLargeSlots: two slots of 64 MiB, of which a few sectors are used.
func TestLargeSlots(t *testing.T) {
	r := newRigOf(t, largeTable, 256<<20, "-|-", "1.0")
	r.boots(0, false, "1V|-")
	image, err := flash.Build{Desc: flash.Desc{Version: "2.0"}, Size: 1 << 20}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r.does(r.store().Install(1, 0, bytes.NewReader(image), int64(len(image))), "1V|-")
	r.does(r.store().Stage(1, 0), "1V|2NEW")
	r.boots(1, true, "1V|2PEND")
}

// TestLastNumbers: near the end of the sequence numbers updates go on, and behind it
// are refused, which leaves all as it was.
func TestLastNumbers(t *testing.T) {
	r := newRig(t, "4294967291V|-", "1.0", "2.0") // 0xFFFFFFFB
	r.boots(0, false, "4294967291V|-")
	r.does(r.store().Stage(1, 0), "4294967291V|4294967292NEW")
	r.boots(1, true, "4294967291V|4294967292PEND")
	r.does(r.store().Confirm(1), "4294967291V|4294967292V")
	r.does(r.store().Stage(0, 1), "4294967293NEW|4294967292V")
	r.boots(0, true, "4294967293PEND|4294967292V")
	r.does(r.store().Confirm(0), "4294967293V|4294967292V")
	r.does(r.store().Stage(1, 0), "4294967293V|4294967294NEW")
	r.boots(1, true, "4294967293V|4294967294PEND")
	r.does(r.store().Confirm(1), "4294967293V|4294967294V")
	if err := r.store().Stage(0, 1); !errors.Is(err, errUsedUp) {
		t.Errorf("stage: %v, want %v", err, errUsedUp)
	}
	r.holds("4294967293V|4294967294V")
	r.boots(1, false, "4294967293V|4294967294V")
}

// TestTrialFallsBack: the image on trial rots, and the one before it too: what is
// left runs, and is on no trial.
func TestTrialFallsBack(t *testing.T) {
	r := newRigOf(t, threeTable, 8<<20, "1V|2NEW", "1.0", "2.0", "3.0")
	r.rot(1)
	r.boots(0, false, "1V|2PEND")
	r.rot(0)
	if p := r.boot(); p.Try[0] != 2 || p.Trial || p.Reason != ImageInvalid || p.Gave != 1 {
		t.Errorf("%+v", p)
	}
	r.holds("1V|2ABRT")
	if err := r.store().Confirm(2); err != nil {
		t.Error(err)
	}
	r.holds("1V|2ABRT")
	r.level(0)
}

// TestConfirmNeedsTheImage: what is not there any more is not confirmed.
func TestConfirmNeedsTheImage(t *testing.T) {
	r := newRig(t, "1V|2NEW", "1.0", "2.0")
	r.boots(1, true, "1V|2PEND")
	r.rot(1)
	var format *flash.FormatError
	if err := r.store().Confirm(1); !errors.As(err, &format) {
		t.Errorf("confirm: %v, want a *FormatError", err)
	}
	r.holds("1V|2PEND")
}

// TestTrialIsKept: what a trial falls back to is not overwritten.
func TestTrialIsKept(t *testing.T) {
	r := newRig(t, "1V|2NEW", "1.0", "2.0")
	r.boots(1, true, "1V|2PEND")
	for what, err := range map[string]error{"free": r.store().Free(0, 1), "stage": r.store().Stage(0, 1)} {
		if !errors.Is(err, ErrTrial) {
			t.Errorf("%s: %v, want %v", what, err, ErrTrial)
		}
	}
	r.holds("1V|2PEND")
}

// TestFloor: the floor rises when an image is confirmed, or started as a valid one;
// to 16 at most; and never falls.
func TestFloor(t *testing.T) {
	r := newRig(t, "1V|2NEW")
	r.write(0, build(t, "1.0", 0))
	r.write(1, build(t, "2.0", 3))
	r.boots(1, true, "1V|2PEND")
	r.level(0)
	r.does(r.store().Confirm(1), "1V|2V")
	r.level(3)
	r.boots(1, false, "1V|2V")
	var rollback *RollbackError
	if err := r.store().Reject(1, User); !errors.As(err, &rollback) {
		t.Errorf("back to what is below the floor: %v, want a *RollbackError", err)
	}
	var floor *FloorError
	if err := r.store().Stage(0, 1); !errors.As(err, &floor) || floor.Version != 0 || floor.Floor != 3 || !strings.Contains(err.Error(), "3") {
		t.Errorf("stage: %v, want a *FloorError", err)
	}
	r.rot(1)
	if p := r.boot(); len(p.Try) > 0 {
		t.Errorf("tries %v, all of which are below the floor", p.Try)
	}
	r.level(3)
	r.write(1, build(t, "3.0", 16))
	r.boots(1, false, "1V|2V") // the confirm was cut off before the fuses, as it were
	r.level(16)
	r.boots(1, false, "1V|2V")
	r.level(16)
	r.entries(parseOtadata(t, "-|-")) // an image that another loader is to make the first
	r.boots(1, false, "2V|-")
	r.level(16)
}

// TestFloorOver16: an image can ask for more than there are fuses.
func TestFloorOver16(t *testing.T) {
	r := newRig(t, "1V|2V", "1.0")
	image := build(t, "2.0", 16)
	image[32+4] = 200 // esp_app_desc_t.secure_version
	r.write(1, resummed(image))
	r.boots(1, false, "1V|2V")
	r.level(16)
	r.boots(1, false, "1V|2V")
}

// TestFirstStartRaisesFloor: so does an image that is the first of all.
func TestFirstStartRaisesFloor(t *testing.T) {
	r := newRig(t, "-|-")
	r.write(0, build(t, "1.0", 2))
	r.boots(0, false, "1V|-")
	r.level(2)
}

// signKey is expensive.
var signKey = sync.OnceValues(flash.GenerateKey)

func sign(t *testing.T, image []byte) ([]byte, *rsa.PrivateKey) {
	t.Helper()
	k, err := signKey()
	if err != nil {
		t.Fatal(err)
	}
	m, err := flash.ReadImage(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := flash.SignImage(image, m, k)
	if err != nil {
		t.Fatal(err)
	}
	return signed, k
}

// TestTrustStore: once a key is trusted, nothing runs that it did not sign.
func TestTrustStore(t *testing.T) {
	r := newRig(t, "1V|2V")
	signed, k := sign(t, build(t, "1.0", 0))
	r.write(0, signed)
	r.write(1, build(t, "2.0", 0))
	r.boots(1, false, "1V|2V")
	for range 2 { // twice is once
		if err := r.store().Trust(flash.DigestKey(&k.PublicKey)); err != nil {
			t.Fatal(err)
		}
	}
	r.boots(0, false, "1V|2V")
	v, err := r.store().Look()
	if err != nil || v.at(1).Err == nil || v.at(0).Err != nil || len(v.Fuses.Keys) != 1 {
		t.Errorf("%v, %v, %v", v.at(0).Err, v.at(1).Err, err)
	}
	if err := r.store().Stage(1, 0); err == nil {
		t.Error("what is not signed was staged")
	}
	for n := range byte(2) {
		if err := r.store().Trust(flash.KeyDigest{n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.store().Trust(flash.KeyDigest{9}); err == nil {
		t.Error("a fourth key is trusted")
	}
	r.boots(0, false, "1V|2V")
}

// TestOpenOtadata: a table whose otadata has another size than two sectors is
// refused.
func TestOpenOtadata(t *testing.T) {
	r := newRig(t, "-|-", "1.0")
	i := slices.IndexFunc(r.table.Partitions, func(p flash.Partition) bool { return p.Name == "otadata" })
	r.table.Partitions[i].Size = flash.SectorSize
	if _, err := Open(r.dev, r.fuses, r.table, "boot id"); err == nil || !strings.Contains(err.Error(), "otadata") {
		t.Errorf("opened: %v", err)
	}
}

// TestDamagedFuses: no level is better than a wrong one, but it is said.
func TestDamagedFuses(t *testing.T) {
	r := newRig(t, "1V|-", "1.0")
	for i := range int64(2) {
		if err := r.fuses.Program([]byte("rubbish"), i*flash.SectorSize); err != nil {
			t.Fatal(err)
		}
	}
	s := r.store()
	var format *flash.FormatError
	_, err := s.Look()
	for what, err := range map[string]error{"look": err, "stage": s.Stage(1, 0), "trust": s.Trust(flash.KeyDigest{}), "reject": s.Reject(0, User)} {
		if !errors.As(err, &format) {
			t.Errorf("%s: %v, want a *FormatError", what, err)
		}
	}
}

// resummed returns an image with the checksum and the digest that it ought to have,
// after one byte of its descriptor was changed.
func resummed(image []byte) []byte {
	n := len(image) - sha256.Size
	sum := byte(0xEF)
	for off, left := 24, image[1]; left > 0; left-- {
		size := int(binary.LittleEndian.Uint32(image[off+4:]))
		for _, b := range image[off+8 : off+8+size] {
			sum ^= b
		}
		off += 8 + size
	}
	image[n-1] = sum
	digest := sha256.Sum256(image[:n])
	return append(image[:n:n], digest[:]...)
}
