package boot

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
)

// end returns the disk that a bench became, which is to be durable.
func (w *world) end(b *bench, d disk) (disk, error) {
	_, d, err := w.follow(b, d, nil)
	return d, err
}

// follow calls visit with what every cut leaves of a disk, and returns how it ends.
func (w *world) follow(b *bench, d disk, visit func(before disk, p patch, raw bool) error) (segments int, end disk, err error) {
	under := w.content(d)
	all := b.line.Segments()
	for i, s := range all {
		o, err := w.outcomes(s, under)
		if err != nil {
			return i, d, err
		}
		if visit != nil {
			for _, p := range o.list {
				if err := visit(d, p, false); err != nil {
					return i, d, err
				}
			}
			for _, p := range o.raw {
				if err := visit(d, p, true); err != nil {
					return i, d, err
				}
			}
		}
		d = o.all.over(d)
		for device := range under {
			under[device] = append([]flashtest.Content{s.All().Content(device)}, under[device]...)
		}
	}
	return len(all), d, nil
}

// A sweep explores a world.
type sweep struct {
	*world
	cuts    int // how far to go on from a cut; 0: no limit
	seen    map[node]int
	order   []node // as they were first reached
	queue   []node
	samples []disk // that were put the same as others
	random  *rand.Rand
	edges   int // cuts, but for those that leave the same
	from    map[node]came
}

// came is how a node was first reached.
type came struct {
	from node
	by   string
}

// path tells how a node was first reached.
func (s *sweep) path(n node) (text string) {
	for {
		c, ok := s.from[n]
		if !ok {
			return text
		}
		text = fmt.Sprintf("\n  %s to %s%s", c.by, n, text)
		n = c.from
	}
}

func newSweep(w *world) *sweep {
	return &sweep{world: w, seen: map[node]int{}, from: map[node]came{}, random: rand.New(rand.NewPCG(1, 0))}
}

// reach notes that a node was reached after so many cuts.
func (s *sweep) reach(n node, cuts int, c came) {
	if old, ok := s.seen[n]; ok && (old <= cuts || s.cuts == 0) {
		return
	} else if !ok {
		s.order = append(s.order, n)
		if c.by != "" {
			s.from[n] = c
		}
	}
	s.seen[n] = cuts
	s.queue = append(s.queue, n)
}

// explore goes on until nothing new is found.
func (s *sweep) explore() error {
	for len(s.queue) > 0 {
		n := s.queue[0]
		s.queue = s.queue[1:]
		cuts := s.seen[n]
		for _, o := range s.ops(n) {
			if err := s.step(n, o, cuts); err != nil {
				return fmt.Errorf("%s at %s: %w, by way of%s", o.name, n, err, s.path(n))
			}
		}
	}
	return nil
}

func (n node) String() string {
	text := "["
	for i, e := range n.entries() {
		if i > 0 {
			text += "|"
		}
		switch {
		case n.entry[i] == blankPiece:
			text += "-"
		case !e.Sound():
			text += "torn"
		default:
			text += fmt.Sprintf("%d %s", e.Seq, e.State)
			if r := readRecord(e); r != blankRecord {
				text += fmt.Sprintf(" %d/%d %s %x", r.starts, r.stops, r.reason, r.hosts)
			}
		}
		if m, ok := readMark(e); ok {
			text += fmt.Sprintf(" mark %d %x", m.seq, m.digest[:2])
		} else if !canMark(e) {
			text += " torn mark"
		}
	}
	return fmt.Sprintf("%s] slots %d table %d fuses %s run %d", text, n.slot, n.table, n.fuses(), n.run)
}

func (d disk) fuses() (text string) {
	for _, raw := range d.fuse {
		switch raw {
		case "", junk:
			text += fmt.Sprintf("%q", raw)
		default:
			text += fmt.Sprintf("(level bits %b, %d keys)", raw[8], raw[10])
		}
	}
	return text
}

// step does an operation, and cuts it.
func (s *sweep) step(n node, o op, cuts int) error {
	b := s.bench(n.disk)
	if o.kind != creating {
		if err := b.open(); err != nil {
			return err
		}
	}
	run, err := o.do(b)
	if e := b.line.Err(); e != nil {
		return fmt.Errorf("monitor: %w", e)
	}
	if err != nil {
		return fmt.Errorf("failed: %w", err)
	}
	before, err := s.lookIf(n, o)
	if err != nil {
		return fmt.Errorf("before: %w", err)
	}
	last, err := s.end(b, n.disk)
	if err != nil {
		return err
	}
	done := node{s.canon(last, false), run}
	after, err := s.look(s.canon(last, true))
	if err != nil {
		return fmt.Errorf("after: %s: %w", done, err)
	}
	c := check{s.world, n, o, done, before, after}
	if err := c.acknowledged(); err != nil {
		return fmt.Errorf("to %s: %w", done, err)
	}
	if cuts == 0 || s.cuts == 0 {
		s.reach(done, cuts, came{n, o.name})
	} else if cuts < s.cuts {
		s.reach(done, cuts+1, came{n, o.name})
	}
	seen := map[disk]bool{}
	visit := func(d disk, p patch, raw bool) error {
		d = p.over(d)
		if raw {
			if len(s.samples) < 200 || s.random.IntN(len(s.samples)) < 20 {
				s.samples = append(s.samples, d)
			}
			return nil
		}
		left := s.canon(d, true)
		if seen[left] {
			return nil
		}
		seen[left] = true
		s.edges++
		found, err := s.look(left)
		if err == nil {
			err = c.cut(d, found)
		}
		if err != nil {
			return fmt.Errorf("cut to %s: %w", node{left, NoSlot}, err)
		}
		if o.kind == creating && n.table == tableWhole { // from there it goes on otherwise
			return s.update(left)
		}
		if s.cuts == 0 || cuts < s.cuts {
			s.reach(node{left, NoSlot}, cuts+1, came{n, o.name + ", cut,"})
		}
		return nil
	}
	// A cut before anything is written, or after all was.
	for _, d := range []disk{n.disk, last} {
		if err := visit(d, patch{}, false); err != nil {
			return err
		}
	}
	_, _, err = s.follow(b, n.disk, visit)
	return err
}

func (s *sweep) lookIf(n node, o op) (look, error) {
	if o.kind == creating && n.table == tableWhole {
		return look{}, nil
	}
	return s.look(s.canon(n.disk, true))
}

// unlike makes a disk another one of those that are put the same: with other
// sequence numbers, and other starts of the host.
func (s *sweep) unlike(d disk) disk {
	var numbers []uint32
	for _, e := range d.entries() {
		if e.Sound() {
			numbers = append(numbers, e.Seq)
		}
		if m, ok := readMark(e); ok {
			numbers = append(numbers, m.seq)
		}
	}
	slices.Sort(numbers)
	more := map[uint32]uint32{}
	sum := uint32(0)
	for _, n := range numbers {
		if _, ok := more[n]; !ok {
			sum += 2 * s.random.Uint32N(1000)
			more[n] = sum
		}
	}
	for i, e := range d.entries() {
		if m, ok := readMark(e); ok {
			m.seq += more[m.seq]
			e = m.write(e)
		}
		if e.Sound() {
			spare := e.Spare
			e = flash.NewSelect(e.Seq+more[e.Seq], e.State)
			e.Spare = spare
			r := readRecord(e)
			for k, h := range r.hosts {
				if h == thisHostSum || h == otherHost {
					r.hosts[k] = s.random.Uint32()
				}
			}
			e = r.write(e)
		}
		d.entry[i] = e.Marshal()
	}
	return d
}

// merged checks that from a disk, and the slot that runs, nothing is reached that
// was not explored, in so many steps.
func (s *sweep) merged(n node, steps int) error {
	if steps == 0 {
		return nil
	}
	known := func(n node, what string) error {
		if _, ok := s.seen[n]; !ok {
			return fmt.Errorf("%s to %s, %x, which was not explored", what, n, n.entry)
		}
		return nil
	}
	for _, o := range s.ops(n) {
		b := s.bench(n.disk)
		if o.kind != creating {
			if err := b.open(); err != nil {
				return err
			}
		}
		run, err := o.do(b)
		if err != nil {
			return err
		}
		_, last, err := s.follow(b, n.disk, func(d disk, p patch, raw bool) error {
			return known(node{s.canon(p.over(d), true), NoSlot}, o.name+", cut,")
		})
		if err == nil {
			err = known(node{s.canon(last, false), run}, o.name)
		}
		if err == nil {
			err = s.merged(node{last, run}, steps-1)
		}
		if err != nil {
			return fmt.Errorf("from %s, %x: %w", n, n.entry, err)
		}
	}
	return nil
}
