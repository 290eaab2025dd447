package flashtest

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"wordclockd/internal/flash"
)

// A history is what a host sector went through since it was durable.
type history struct{ steps []step }

// A step is one change of a host sector, of the bytes from begin to end.
type step struct {
	from, to   Piece
	begin, end int
	length     int // of the whole operation, in bytes
}

// partly is the state after n bytes.
func (s step) partly(n int) Piece {
	p := s.from
	copy(p[s.begin:s.begin+n], s.to[s.begin:])
	return p
}

// whole returns the states between steps, the durable one first.
func (h *history) whole() []Piece {
	states := []Piece{h.steps[0].from}
	for _, s := range h.steps {
		if !slices.Contains(states, s.to) {
			states = append(states, s.to)
		}
	}
	return states
}

// partly returns those within steps.
func (h *history) partly(wanted func(s step, n int) bool) (states []Piece) {
	whole := h.whole()
	for _, s := range h.steps {
		for n := 1; n < s.end-s.begin; n++ {
			p := s.partly(n)
			if wanted(s, n) && !slices.Contains(whole, p) && (len(states) == 0 || states[len(states)-1] != p) {
				states = append(states, p)
			}
		}
	}
	return states
}

func (l *Line) note(p Place, s step) {
	if l.dirty == nil {
		l.dirty = map[Place]*history{}
	}
	h := l.dirty[p]
	if h == nil {
		h = &history{}
		l.dirty[p] = h
		l.order = append(l.order, p)
	}
	h.steps = append(h.steps, s)
}

// synced ends a segment.
func (l *Line) synced(device int) {
	if len(l.order) == 0 {
		return
	}
	l.segments = append(l.segments, l.segment())
	l.order = slices.DeleteFunc(l.order, func(p Place) bool { return p.Device == device })
	maps.DeleteFunc(l.dirty, func(p Place, _ *history) bool { return p.Device == device })
}

func (l *Line) segment() Segment {
	s := Segment{line: l, places: slices.Clone(l.order)}
	for _, p := range s.places {
		s.histories = append(s.histories, history{slices.Clone(l.dirty[p].steps)})
	}
	return s
}

// Segments returns what happened between one Sync and the next: all cuts are
// during one of them. The last one is what is not synced yet.
func (l *Line) Segments() []Segment {
	if len(l.order) == 0 {
		return l.segments
	}
	return append(slices.Clone(l.segments), l.segment())
}

// A Segment is what was not durable at the same time.
type Segment struct {
	line      *Line
	places    []Place // as they were first changed
	histories []history
}

// Places returns the host sectors that changed.
func (s Segment) Places() []Place { return s.places }

// Key is the same for segments in which the same happened at the same places, as
// counted from a host sector of them.
func (s Segment) Key(from int64) [32]byte {
	h := sha256.New()
	var b [24]byte
	for i, p := range s.places {
		binary.LittleEndian.PutUint64(b[:], uint64(p.Device))
		binary.LittleEndian.PutUint64(b[8:], uint64(p.Sector-from))
		binary.LittleEndian.PutUint64(b[16:], uint64(len(s.histories[i].steps)))
		h.Write(b[:])
		for _, x := range s.histories[i].steps {
			h.Write(x.from[:])
			h.Write(x.to[:])
		}
	}
	return [32]byte(h.Sum(nil))
}

// A Cut is what a power cut left of a segment: some state of each of its places.
// What was durable before stays as it was.
type Cut map[Place]Piece

// All is the cut after which nothing is lost.
func (s Segment) All() Cut {
	c := Cut{}
	for i, p := range s.places {
		steps := s.histories[i].steps
		c[p] = steps[len(steps)-1].to
	}
	return c
}

// A Measure says how many cuts are enough.
type Measure struct {
	Most   int // that all are taken; if there can be more, a sample is
	Random int // further ones in a sample
	Seed   uint64
}

// Cuts yields cuts of a segment, each of which is valid until the next: every
// combination of the states that its places had between operations, and with each
// of them every state that one of the places had within an operation. If these are
// too many it is a sample: none, all, the first ones, the last ones, each one alone,
// all but one, for the first place, the last, and some between; within an operation
// longer than a host sector the first, the middle and the last byte.
func (s Segment) Cuts(m Measure) iter.Seq[Cut] {
	return func(yield func(Cut) bool) {
		if s.fewer(m.Most) {
			s.every(yield)
		} else {
			s.sample(m, yield)
		}
	}
}

// fewer reports whether every has at most so many.
func (s Segment) fewer(most int) bool {
	n, more := 1, 1.0
	for _, h := range s.histories {
		states := len(h.whole())
		if n *= states; n > most {
			return false
		}
		for _, x := range h.steps {
			more += float64(x.end-x.begin) / float64(states)
		}
	}
	return float64(n)*more <= float64(most)
}

func (s Segment) every(yield func(Cut) bool) {
	whole := make([][]Piece, len(s.places))
	for i := range s.histories {
		whole[i] = s.histories[i].whole()
	}
	c := Cut{}
	if !s.product(c, whole, 0, -1, yield) {
		return
	}
	for i := range s.places {
		for _, x := range s.histories[i].partly(func(step, int) bool { return true }) {
			c[s.places[i]] = x
			if !s.product(c, whole, 0, i, yield) {
				return
			}
		}
	}
}

// product yields c with all states of the places from k on, but for one that stays.
func (s Segment) product(c Cut, whole [][]Piece, k, fixed int, yield func(Cut) bool) bool {
	switch {
	case k == len(s.places):
		return yield(c)
	case k == fixed:
		return s.product(c, whole, k+1, fixed, yield)
	}
	for _, x := range whole[k] {
		c[s.places[k]] = x
		if !s.product(c, whole, k+1, fixed, yield) {
			return false
		}
	}
	return true
}

func (s Segment) sample(m Measure, yield func(Cut) bool) {
	n := len(s.places)
	random := rand.New(rand.NewPCG(m.Seed, uint64(n)))
	whole := make([][]Piece, n)
	for i := range s.histories {
		whole[i] = s.histories[i].whole()
	}
	c := Cut{}
	set := func(late func(i int) bool) bool {
		for i, p := range s.places {
			c[p] = whole[i][0]
			if late(i) {
				c[p] = whole[i][len(whole[i])-1]
			}
		}
		return yield(c)
	}
	for _, k := range positions(n, random) {
		for _, late := range []func(int) bool{
			func(i int) bool { return i < k },
			func(i int) bool { return i >= k },
			func(i int) bool { return i == k },
			func(i int) bool { return i != k },
		} {
			if !set(late) {
				return
			}
		}
		if k == n {
			continue
		}
		for _, x := range s.histories[k].partly(few) {
			for _, late := range []func(int) bool{
				func(i int) bool { return i < k },
				func(int) bool { return true },
				func(int) bool { return false },
			} {
				for i, p := range s.places {
					c[p] = whole[i][0]
					if late(i) {
						c[p] = whole[i][len(whole[i])-1]
					}
				}
				c[s.places[k]] = x
				if !yield(c) {
					return
				}
			}
		}
	}
	for range m.Random {
		for i, p := range s.places {
			c[p] = whole[i][random.IntN(len(whole[i]))]
		}
		if !yield(c) {
			return
		}
	}
}

// few wants every byte of a short operation, and some of a long one.
func few(s step, n int) bool {
	return s.length <= HostSector || n == 1 || n == (s.end-s.begin)/2 || n == s.end-s.begin-1
}

// positions returns some numbers from 0 to n.
func positions(n int, random *rand.Rand) []int {
	all := []int{0, 1, n / 2, n - 1, n}
	if n > 8 {
		all = append(all, 2+random.IntN(n-3), 2+random.IntN(n-3))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Read reads what a device holds after c, which held what is in layers when the
// segment began.
func (c Cut) Read(device int, layers []Content, p []byte, off int64) {
	read(p, off, layers...)
	for place, x := range c {
		at := place.Sector*HostSector - off
		if place.Device != device || at <= -HostSector || at >= int64(len(p)) {
			continue
		}
		if at < 0 {
			copy(p, x[-at:])
			continue
		}
		copy(p[at:], x[:])
	}
}

// Content returns what c left on a device, as a layer.
func (c Cut) Content(device int) Content {
	content := Content{}
	for p, x := range c {
		if p.Device == device {
			content.set(p.Sector, x)
		}
	}
	return content
}

var _ flash.Device = (*Device)(nil)
