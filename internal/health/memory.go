package health

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// A Memory is what the clock wants of the host's memory.
type Memory struct {
	Proc  fs.FS // /proc
	Least int64 // bytes that have to be available
	Most  int64 // bytes that the process may have in memory
}

// Limits of a clock. It takes 30 MiB; four times that is a leak. Built with the race
// detector, which multiplies memory, it takes more.
const (
	LeastMemory = 16 << 20
	MostMemory  = 128 << 20
)

// Probe fails if the host has too little memory left, or the process takes too much.
func (m Memory) Probe(context.Context) (faults []Fault, err error) {
	left, err := amount(m.Proc, "meminfo", "MemAvailable")
	if err != nil {
		return nil, err
	}
	used, err := amount(m.Proc, "self/status", "VmRSS")
	if err != nil {
		return nil, err
	}
	if left < m.Least {
		faults = append(faults, Fault{"available", fmt.Sprintf("%.1f MiB are left, want %.0f: something on this host takes the rest", mib(left), mib(m.Least))})
	}
	if used > m.Most {
		faults = append(faults, Fault{"own", fmt.Sprintf("the clock takes %.1f MiB, and %.0f should do", mib(used), mib(m.Most))})
	}
	return faults, nil
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// amount returns a line of a file of /proc as bytes:
//
//	Name:   N kB
func amount(proc fs.FS, file, name string) (int64, error) {
	b, err := fs.ReadFile(proc, file)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) != 3 || f[0] != name+":" || f[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 53)
		if err != nil {
			return 0, fmt.Errorf("read memory: %s: %w", file, err)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("read memory: %s: no %s", file, name)
}
