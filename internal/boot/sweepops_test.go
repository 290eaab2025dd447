package boot

import (
	"bytes"
	"errors"
	"fmt"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
)

// A node is where a sweep can be: a disk, and the slot whose image runs, NoSlot if
// none does.
type node struct {
	disk
	run int
}

// A bench is a disk with a store on it, as one start of the host sees it.
type bench struct {
	world *world
	line  *flashtest.Line
	dev   flash.Device
	fuses flash.Device
	store *Store
}

func (w *world) bench(d disk) *bench {
	b, c := &bench{world: w, line: &flashtest.Line{}}, w.content(d)
	dev := b.line.Device(w.geometry, c[0]...)
	fuses := b.line.Device(w.fuses, c[1]...)
	b.line.Watch = flashtest.Monitor(dev, w.partitions)
	b.dev, b.fuses = dev, fuses
	if w.wrap != nil {
		b.dev, b.fuses = w.wrap(w, dev), w.wrap(w, fuses)
	}
	return b
}

// open opens the store as the machine does.
func (b *bench) open() error {
	t, err := readTable(b.dev, b.world.partitions)
	if err != nil {
		return err
	}
	b.store, err = Open(b.dev, b.fuses, t, thisHost)
	return err
}

// boot is a start as the loader does it.
func (b *bench) boot() (Plan, error) {
	v, err := b.store.Look()
	if err != nil {
		return Plan{}, err
	}
	p := b.store.Plan(v)
	if len(p.Try) == 0 {
		return p, &NothingError{v.Contents}
	}
	if b.world.late && p.Trial {
		return p, nil
	}
	return p, b.store.carryOut(p)
}

// install writes an image into the slot that does not run, and stages it.
func (b *bench) install(run int, image int8) error {
	if b.world.install != nil {
		return b.world.install(b, run, b.world.images[image].raw)
	}
	raw := b.world.images[image].raw
	if err := b.store.Install(1-run, run, bytes.NewReader(raw), int64(len(raw))); err != nil {
		return err
	}
	return b.store.Stage(1-run, run)
}

func (b *bench) confirm(run int) error {
	if b.world.confirm != nil {
		return b.world.confirm(b, run)
	}
	return b.store.Confirm(run)
}

func (b *bench) create() error {
	w := b.world
	if w.create != nil {
		return w.create(b)
	}
	return Create(b.dev, w.partitions, w.images[0].raw)
}

// An op is something that is done at a node, and what is so afterwards.
type op struct {
	name  string
	do    func(b *bench) (run int, err error)
	kind  opKind
	image int8 // that is installed
}

type opKind uint8

const (
	booting opKind = iota
	creating
	installing
	confirming
	rejecting
	crashing // the loader notes it
	stopping
	killing // the process ends, and nothing is noted
	trusting
)

// ops returns what can happen at a node.
func (w *world) ops(n node) (all []op) {
	if l, err := w.look(w.canon(n.disk, true)); err == nil && l.unfinished {
		return append(all, op{name: "create", kind: creating, do: func(b *bench) (int, error) {
			return NoSlot, b.create()
		}})
	}
	if n.run == NoSlot {
		return append(all, op{name: "boot", kind: booting, do: func(b *bench) (int, error) {
			p, err := b.boot()
			if err != nil {
				return NoSlot, err
			}
			return p.Try[0], nil
		}})
	}
	all = append(all,
		op{name: "reject", kind: rejecting, do: func(b *bench) (int, error) {
			err := b.store.Reject(n.run, CheckFailed)
			if _, only := errors.AsType[*RollbackError](err); only || n.selecting() < 0 {
				return n.run, nil
			}
			return NoSlot, err
		}},
		op{name: "kill", kind: killing, do: func(*bench) (int, error) { return NoSlot, nil }},
	)
	if n.trial() {
		return append(all,
			op{name: "confirm", kind: confirming, do: func(b *bench) (int, error) { return n.run, b.confirm(n.run) }},
			op{name: "crash", kind: crashing, do: func(b *bench) (int, error) {
				return NoSlot, b.store.trial(n.run, func(s flash.Select) flash.Select { return noted(s, Crashed) })
			}},
			op{name: "stop", kind: stopping, do: func(b *bench) (int, error) { return NoSlot, b.store.trial(n.run, stopped) }},
		)
	}
	for i := range w.images {
		all = append(all, op{name: fmt.Sprintf("install %c", 'A'+i), kind: installing, image: int8(i), do: func(b *bench) (int, error) {
			err := b.install(n.run, int8(i))
			if _, old := errors.AsType[*FloorError](err); old {
				err = nil
			}
			return n.run, err
		}})
	}
	if w.key != nil {
		all = append(all, op{name: "trust", kind: trusting, do: func(b *bench) (int, error) { return n.run, b.store.Trust(*w.key) }})
	}
	return all
}

func (d disk) entries() (o [2]flash.Select) {
	return [2]flash.Select{flash.ReadSelect(d.entry[0]), flash.ReadSelect(d.entry[1])}
}

// selecting returns the sector of the entry by which the image that runs does.
func (n node) selecting() int { return selects(n.entries(), 2, n.run) }

// trial reports whether the image that runs is on trial.
func (n node) trial() bool {
	s := n.selecting()
	return s >= 0 && n.entries()[s].State == flash.Pending
}

// unconfirmed reports whether the image that runs is yet to be confirmed, trial or not.
func (n node) unconfirmed() bool {
	s := n.selecting()
	return s >= 0 && (n.entries()[s].State == flash.Pending || n.entries()[s].State == flash.New)
}
