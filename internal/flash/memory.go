package flash

import (
	"bytes"
	"io"
	"sync"
)

// Memory is flash in memory. It only takes memory for sectors that were touched. It may
// be used by several goroutines, as a file may.
type Memory struct {
	g Geometry

	mu      sync.Mutex
	sectors map[int64][]byte // by number; the others are erased
}

// NewMemory returns erased flash.
func NewMemory(g Geometry) *Memory { return &Memory{g: g, sectors: map[int64][]byte{}} }

// Geometry implements Device.
func (m *Memory) Geometry() Geometry { return m.g }

// Sync implements Device.
func (m *Memory) Sync() error { return nil }

// ReadAt implements Device.
func (m *Memory) ReadAt(p []byte, off int64) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.readAt(p, off)
}

func (m *Memory) readAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, m.g.check("read", off, 0)
	}
	if most := m.g.Size - min(off, m.g.Size); int64(len(p)) > most {
		p, err = p[:most], io.EOF
	}
	m.each(off, p, func(sector int64, within int, part []byte) {
		if s := m.sectors[sector]; s != nil {
			copy(part, s[within:])
			return
		}
		blank(part)
	})
	return len(p), err
}

// Program implements Device.
func (m *Memory) Program(p []byte, off int64) error {
	if err := m.g.check("program", off, int64(len(p))); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := make([]byte, len(p))
	if _, err := m.readAt(old, off); err != nil && err != io.EOF {
		return err
	}
	if err := clears(old, p, off); err != nil {
		return err
	}
	m.each(off, p, func(sector int64, within int, part []byte) {
		s := m.sectors[sector]
		if s == nil {
			s = bytes.Repeat([]byte{0xFF}, int(m.g.Sector))
			m.sectors[sector] = s
		}
		copy(s[within:], part)
	})
	return nil
}

// Erase implements Device.
func (m *Memory) Erase(off, n int64) error {
	if err := m.g.check("erase", off, n); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := off / m.g.Sector; s < (off+n)/m.g.Sector; s++ {
		delete(m.sectors, s)
	}
	return nil
}

// each calls f for the part of p at off that lies in each sector.
func (m *Memory) each(off int64, p []byte, f func(sector int64, within int, part []byte)) {
	for len(p) > 0 {
		within := off % m.g.Sector
		n := min(int64(len(p)), m.g.Sector-within)
		f(off/m.g.Sector, int(within), p[:n])
		p, off = p[n:], off+n
	}
}

func blank(p []byte) {
	for i := range p {
		p[i] = 0xFF
	}
}
