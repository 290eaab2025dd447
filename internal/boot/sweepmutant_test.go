package boot

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
)

// A mutant does something otherwise than it should be done; the zero one does not.
type mutant struct {
	wrap    func(w *world, d *flashtest.Device) flash.Device
	late    bool // a trial is noted after its start
	again   bool // it is about a flash that is created again
	create  func(b *bench) error
	install func(b *bench, run int, raw []byte) error
	confirm func(b *bench, run int) error
}

// A faulty device does some things otherwise; what is nil is done as usual.
type faulty struct {
	flash.Device
	program func(p []byte, off int64) error
	erase   func(off, n int64) error
	read    func(p []byte, off int64)
	sync    func() error
}

func (f *faulty) Program(p []byte, off int64) error {
	if f.program != nil {
		return f.program(p, off)
	}
	return f.Device.Program(p, off)
}

func (f *faulty) Erase(off, n int64) error {
	if f.erase != nil {
		return f.erase(off, n)
	}
	return f.Device.Erase(off, n)
}

func (f *faulty) Sync() error {
	if f.sync != nil {
		return f.sync()
	}
	return f.Device.Sync()
}

func (f *faulty) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.Device.ReadAt(p, off)
	if f.read != nil && (err == nil || err == io.EOF) {
		f.read(p[:n], off)
	}
	return n, err
}

func in(p flash.Partition, off int64) bool { return off >= p.Off && off < p.End() }

// inSlot reports whether a slot is at an offset of the flash.
func (w *world) inSlot(d *flashtest.Device, off int64) bool {
	return d.Number() == 0 && (in(w.slots[0], off) || in(w.slots[1], off))
}

func (w *world) inOtadata(d *flashtest.Device, off int64) bool {
	return d.Number() == 0 && in(w.otadata, off)
}

// withoutSync drops those of one device, 0 the flash, 1 the fuses.
func withoutSync(number int) func(*world, *flashtest.Device) flash.Device {
	return func(_ *world, d *flashtest.Device) flash.Device {
		if d.Number() != number {
			return d
		}
		return &faulty{Device: d, sync: func() error { return nil }}
	}
}

// late holds back what is programmed into slots until an entry is durable.
func late(w *world, d *flashtest.Device) flash.Device {
	type held struct {
		p   []byte
		off int64
	}
	var queue []held
	selected := false
	return &faulty{
		Device: d,
		program: func(p []byte, off int64) error {
			if w.inSlot(d, off) {
				queue = append(queue, held{bytes.Clone(p), off})
				return nil
			}
			selected = selected || w.inOtadata(d, off) && bytes.Count(p, []byte{0xFF}) < len(p)
			return d.Program(p, off)
		},
		read: func(p []byte, off int64) {
			for _, h := range queue {
				if at := h.off - off; at >= 0 && at < int64(len(p)) {
					copy(p[at:], h.p)
				} else if at < 0 && -at < int64(len(h.p)) {
					copy(p, h.p[-at:])
				}
			}
		},
		sync: func() error {
			if err := d.Sync(); err != nil || !selected {
				return err
			}
			for _, h := range queue {
				if err := d.Program(h.p, h.off); err != nil {
					return err
				}
			}
			queue, selected = nil, false
			return d.Sync()
		},
	}
}

// worn is flash in which a byte cannot be programmed. If blind, that is not seen by
// who wrote it.
func worn(blind bool, is func(w *world, d *flashtest.Device, off int64) bool, n int64) func(*world, *flashtest.Device) flash.Device {
	return func(w *world, d *flashtest.Device) flash.Device {
		lies := map[int64]byte{}
		f := &faulty{Device: d, program: func(p []byte, off int64) error {
			q := bytes.Clone(p)
			for i := range q {
				if at := off + int64(i); is(w, d, at) && at%w.geometry.Sector == n {
					lies[at], q[i] = q[i], 0xFF
				}
			}
			return d.Program(q, off)
		}}
		if blind {
			f.read = func(p []byte, off int64) {
				for at, b := range lies {
					if at >= off && at < off+int64(len(p)) {
						p[at-off] = b
					}
				}
			}
		}
		return f
	}
}

// believing repairs the checksum of what is read of otadata.
func believing(w *world, d *flashtest.Device) flash.Device {
	return &faulty{Device: d, read: func(p []byte, off int64) {
		if len(p) != flash.SelectSize || !w.inOtadata(d, off) {
			return
		}
		if s := flash.ReadSelect([flash.SelectSize]byte(p)); s.Seq != flash.NoSeq {
			s.CRC = flash.NewSelect(s.Seq, s.State).CRC
			now := s.Marshal()
			copy(p, now[:])
		}
	}}
}

// unerased is flash that is not erased, and does not object to what is programmed.
func unerased(w *world, d *flashtest.Device) flash.Device {
	return &faulty{
		Device: d,
		erase:  func(int64, int64) error { return nil },
		program: func(p []byte, off int64) error {
			old := make([]byte, len(p))
			_, _ = d.ReadAt(old, off)
			for i := range old {
				old[i] &= p[i]
			}
			return d.Program(old, off)
		},
	}
}

// kept is flash of which the table is not taken away before it is erased.
func kept(w *world, d *flashtest.Device) flash.Device {
	lies := d.Number() == 0
	return &faulty{
		Device: d,
		program: func(p []byte, off int64) error {
			if lies && off == flash.TableOffset && len(p) == 1 {
				return nil
			}
			return d.Program(p, off)
		},
		erase: func(off, n int64) error {
			lies = lies && off != flash.TableOffset
			return d.Erase(off, n)
		},
		read: func(p []byte, off int64) {
			if lies && off == flash.TableOffset && len(p) == 1 {
				p[0] = 0
			}
		},
	}
}

// entryFirst programs what is behind an entry after it.
func entryFirst(w *world, d *flashtest.Device) flash.Device {
	return &faulty{Device: d, program: func(p []byte, off int64) error {
		if w.inOtadata(d, off) && len(p) < flash.SelectSize {
			return nil
		}
		return d.Program(p, off)
	}}
}

func (b *bench) puts(puts ...Put) error { return b.store.puts(puts) }

// TestMutants: each step of an update is needed, for without it a sweep, or the
// monitor, finds what goes wrong.
func TestMutants(t *testing.T) {
	install := func(free, forget bool, stage func(b *bench, slot, run int) error) func(b *bench, run int, raw []byte) error {
		return func(b *bench, run int, raw []byte) error {
			slot := 1 - run
			p := b.world.slots[slot]
			r := flash.Region(b.dev, p.Off, p.Size)
			if free {
				if err := b.store.Free(slot, run); err != nil {
					return err
				}
			}
			if err := erase(r, 0, p.Size); err != nil {
				return err
			}
			if err := r.Sync(); err != nil {
				return err
			}
			if forget {
				if err := b.store.Changed(slot, run); err != nil {
					return err
				}
			}
			if err := Fill(r, bytes.NewReader(raw), int64(len(raw))); err != nil {
				return err
			}
			return stage(b, slot, run)
		}
	}
	usual := func(b *bench, slot, run int) error { return b.store.Stage(slot, run) }
	for _, c := range []struct {
		name string
		mutant
		want string // what is found
	}{
		{"sync dropped", mutant{wrap: withoutSync(0)}, "monitor: otadata: entry"},
		{"sync of the fuses dropped", mutant{wrap: withoutSync(1)}, "read fuses: "},
		{"otadata before the image", mutant{wrap: late}, "monitor: ota_1: program while entry"},
		{"read-back skipped", mutant{wrap: worn(true, (*world).inSlot, 200)}, "staged, and there is"},
		{"no mutant: it is read back", mutant{wrap: worn(false, (*world).inSlot, 200)}, "what is read back of 336 bytes"},
		{"read-back of an entry skipped", mutant{wrap: worn(true, (*world).inOtadata, 0)}, "staged, and there is"},
		{"no mutant: an entry is read back", mutant{wrap: worn(false, (*world).inOtadata, 0)}, "what is read back is not what was written"},
		{"checksum ignored", mutant{wrap: believing}, "cut to"},
		{"erase skipped", mutant{wrap: unerased}, "what is read back"},
		{"entry before its record", mutant{wrap: entryFirst}, "remembered as bad"},
		{"trial noted after the start", mutant{late: true}, "the power went in a trial"},
		{"slot not freed", mutant{install: install(false, true, usual)}, "monitor: ota_0: erase while entry"},
		{"rejection not forgotten", mutant{install: install(true, false, usual)}, "remembered as bad"},
		{"our sector instead of the other", mutant{install: install(true, true, func(b *bench, slot, run int) error {
			o, err := b.store.entries()
			if err != nil {
				return err
			}
			puts, err := stage(o, 2, slot, run)
			if err != nil {
				return err
			}
			puts[len(puts)-1].Sector ^= 1
			return b.puts(puts...)
		})}, "cut to"},
		{"floor before confirm", mutant{confirm: func(b *bench, run int) error {
			v, err := b.store.Look()
			if err != nil {
				return err
			}
			if err := b.store.raise(int(v.at(run).Image.SecureVersion)); err != nil {
				return err
			}
			return b.store.Confirm(run)
		}}, "the floor was raised to 1"},
		{"confirm without its mark", mutant{confirm: func(b *bench, run int) error {
			o, err := b.store.entries()
			if err != nil {
				return err
			}
			i := selects(o, 2, run)
			return b.puts(Put{i, flash.NewSelect(o[i].Seq, flash.Valid)})
		}}, "the own entry was touched"},
		{"confirm before its mark", mutant{confirm: func(b *bench, run int) error {
			v, err := b.store.Look()
			if err != nil {
				return err
			}
			i := selects(v.Entries, 2, run)
			puts := confirm(v.Entries, i, v.at(run).Image.Digest)
			return b.puts(puts[1], puts[0])
		}}, "the own entry was touched"},
		{"table before the image", mutant{create: func(b *bench) error {
			w := b.world
			if err := wipe(b.dev); err != nil {
				return err
			}
			if err := flash.Put(b.dev, flash.TableOffset+1, w.rawTable[1:]); err != nil {
				return err
			}
			if err := flash.Put(b.dev, flash.TableOffset, w.rawTable[:1]); err != nil {
				return err
			}
			return flash.Put(b.dev, w.slots[0].Off, w.images[0].raw)
		}}, "nothing can be started"},
		{"table at once", mutant{create: func(b *bench) error {
			w := b.world
			if err := wipe(b.dev); err != nil {
				return err
			}
			if err := flash.Put(b.dev, w.slots[0].Off, w.images[0].raw); err != nil {
				return err
			}
			return flash.Put(b.dev, flash.TableOffset, w.rawTable)
		}}, "a table that nobody wrote"},
		{"table not taken away", mutant{wrap: kept, again: true}, "create again at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := miniature(t)
			w.mutant = c.mutant
			s := newSweep(w)
			s.begin()
			explore := s.explore
			if c.again {
				explore = s.again
			}
			err := explore()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v, want %s", err, c.want)
			} else {
				t.Log(err)
			}
		})
	}
}
