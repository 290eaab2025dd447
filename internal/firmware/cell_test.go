package firmware

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
)

// opTime is what an erase, a programming and a sync take: the power can go meanwhile.
const opTime = time.Millisecond

// errDead is what a process finds that was killed.
var errDead = errors.New("the process is dead")

// A cell is flash and fuses as one process has them. It may be used by several
// goroutines.
type cell struct {
	flash, fuses powered

	mu   sync.Mutex
	line flashtest.Line
	dead bool
}

// newCell returns a cell that holds what there is, layer over layer.
func newCell(g flash.Geometry, flashes, fuses []flashtest.Content) *cell {
	c := &cell{}
	c.flash = powered{c, c.line.Device(g, flashes...)}
	c.fuses = powered{c, c.line.Device(flash.FuseGeometry, fuses...)}
	return c
}

// watch fails the test when otadata selects what is not durable.
func (c *cell) watch(t flash.Table) { c.line.Watch = flashtest.Monitor(c.flash.Device, t) }

// A powered device takes its time, and is of no use to the dead.
type powered struct {
	cell *cell
	*flashtest.Device
}

func (d powered) do(f func() error) error {
	d.cell.mu.Lock()
	defer d.cell.mu.Unlock()
	if d.cell.dead {
		return errDead
	}
	return f()
}

func (d powered) ReadAt(p []byte, off int64) (n int, err error) {
	err = d.do(func() (err error) { n, err = d.Device.ReadAt(p, off); return err })
	return n, err
}

func (d powered) Program(p []byte, off int64) error {
	time.Sleep(opTime)
	return d.do(func() error { return d.Device.Program(p, off) })
}

func (d powered) Erase(off, n int64) error {
	time.Sleep(opTime)
	return d.do(func() error { return d.Device.Erase(off, n) })
}

func (d powered) Sync() error {
	time.Sleep(opTime)
	return d.do(d.Device.Sync)
}

func (c *cell) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

// kill makes the process dead, and returns what the next one finds: all that was
// written, or, after a power cut, something of what was not durable.
func (c *cell) kill(t testing.TB, cut bool, random *rand.Rand) *cell {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	if err := c.line.Err(); err != nil {
		t.Error(err)
	}
	var lost [2][]flashtest.Content
	for i, d := range []*flashtest.Device{c.flash.Device, c.fuses.Device} {
		lost[i] = []flashtest.Content{held(t, d)}
	}
	if cut && (c.flash.Unsynced(0, c.flash.Geometry().Size) || c.fuses.Unsynced(0, flash.FuseGeometry.Size)) {
		left := someCut(c.line.Segments(), random)
		for i := range lost {
			lost[i] = append([]flashtest.Content{left.Content(i)}, lost[i]...)
		}
	}
	return newCell(c.flash.Geometry(), lost[0], lost[1])
}

// someCut returns one of what a power cut during the last segment can leave.
func someCut(all []flashtest.Segment, random *rand.Rand) (cut flashtest.Cut) {
	n := random.IntN(40)
	for cut = range all[len(all)-1].Cuts(flashtest.Measure{Random: 8, Seed: random.Uint64()}) {
		if n--; n < 0 {
			break
		}
	}
	return cut
}

// held returns what a device holds.
func held(t testing.TB, d io.ReaderAt) flashtest.Content {
	c, p := flashtest.Content{}, make([]byte, flash.SectorSize)
	for off := int64(0); ; off += int64(len(p)) {
		switch _, err := d.ReadAt(p, off); {
		case err == io.EOF:
			return c
		case err != nil:
			t.Fatal(err)
		case bytes.Count(p, []byte{0xFF}) < len(p):
			c.Store(p, off)
		}
	}
}
