package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wordclockd/internal/control"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
	"wordclockd/internal/proof"
)

// A process is a clock that runs as one, on a state directory.
type process struct {
	*control.Client
	cmd   *exec.Cmd
	ended chan error
}

// launch starts a clock and returns when it answers.
func launch(t testing.TB, state string) *process {
	t.Helper()
	p := &process{
		Client: control.NewClient(machine.State(state).Socket()),
		cmd:    exec.Command("wordclockd", "run", "--state", state),
		ended:  make(chan error, 1),
	}
	var stderr strings.Builder
	p.cmd.Stderr = &stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for {
		_, err := p.Status(t.Context())
		if err == nil {
			return p
		}
		if !errors.Is(err, control.ErrNotRunning) && !isSlow(err) {
			t.Fatal(err)
		}
		select {
		case err := <-p.ended:
			t.Fatalf("the clock ended: %v\n%s", err, &stderr)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// isSlow reports whether the machine has so much else to do that a clock, or who asks
// it, was not served in time.
func isSlow(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// status returns the status, however long that takes.
func (p *process) status(t testing.TB) control.Status {
	t.Helper()
	for try := 0; ; try++ {
		s, err := p.Status(t.Context())
		if err == nil {
			return s
		}
		if !isSlow(err) || try == 20 {
			t.Fatal(err)
		}
	}
}

// end ends the clock by a signal.
func (p *process) end(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil && s != syscall.SIGKILL {
		t.Errorf("the clock ended: %v", err)
	}
}

// levels returns the two levels that are stored: what a stranger finds.
func levels(t testing.TB, state string) (individual, global uint8) {
	t.Helper()
	store, err := nvs.OpenReadOnly(machine.State(state).Settings())
	if errors.Is(err, os.ErrNotExist) {
		return nvs.Individual.Default, nvs.Global.Default
	}
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.View(func(tx *nvs.Tx) (err error) {
		if individual, err = nvs.Individual.Get(tx); err != nil {
			return err
		}
		global, err = nvs.Global.Get(tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return individual, global
}

// TestKilled kills a clock in the middle of changes of two settings that belong
// together. What was answered is there; what was not is there as a whole or not
// at all; and the next clock starts with it.
func TestKilled(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	seeds := proof.Seeds(t, 10)
	for _, seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		state := t.TempDir()
		p := launch(t, state)
		acked := make(chan int, 1000)
		go func() {
			defer close(acked)
			for n := 1; ; n++ {
				level := 5 + n%76
				if _, err := p.Change(t.Context(), map[string]any{"brightness.individual": level, "brightness.global": level + 100}); err != nil {
					return
				}
				acked <- n
			}
		}()
		time.Sleep(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
		p.end(t, syscall.SIGKILL)
		last := 0
		for n := range acked {
			last = n
		}
		individual, global := levels(t, state)
		wants := [][2]uint8{{uint8(5 + last%76), uint8(105 + last%76)}, {uint8(5 + (last+1)%76), uint8(105 + (last+1)%76)}}
		if last == 0 {
			wants[0] = [2]uint8{60, 180}
		}
		if got := [2]uint8{individual, global}; got != wants[0] && got != wants[1] {
			t.Fatalf("seed %d: %d changes were answered, stored is %d, want one of %d", seed, last, got, wants)
		}
		p = launch(t, state)
		if s := p.status(t); s.Settings["brightness.individual"] != float64(individual) || s.Settings["brightness.global"] != float64(global) {
			t.Errorf("seed %d: the next clock has %v, want %d and %d", seed, s.Settings, individual, global)
		}
		p.end(t, syscall.SIGTERM)
	}
	proof.Row(t, begin, "settings: killed in the middle of changes, old or new and never between, acknowledged is new", fmt.Sprintf("%d kills", len(seeds)))
}

// levelKeys are the settings that [levels] returns.
var levelKeys = [2]string{"brightness.individual", "brightness.global"}

// TestManyClients: many clients change and watch one clock at once. Every
// change has a number of its own and is built on the one before; whoever watches
// comes to see the last; nothing is left of them.
func TestManyClients(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	state := t.TempDir()
	p := launch(t, state)
	files := openFiles(t, p.cmd.Process.Pid)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var watching, all sync.WaitGroup
	reached := errors.New("seen")
	for range crowd {
		watching.Add(1)
		all.Go(func() {
			first := true
			err := control.NewClient(machine.State(state).Socket()).Watch(ctx, func(s control.Status) error {
				if first {
					first = false
					watching.Done()
				}
				if s.Revision >= crowd {
					return reached
				}
				return nil
			})
			if !errors.Is(err, reached) {
				t.Errorf("a watcher ended: %v", err)
			}
		})
	}
	watching.Wait()
	changes := make([]control.Changed, crowd+1)
	var mu sync.Mutex
	for i := range crowd {
		all.Go(func() {
			// Each changes one setting to what it was not.
			key, value := levelKeys[i%2], 5+i/2%76
			for {
				c, err := control.NewClient(machine.State(state).Socket()).Change(ctx, map[string]any{key: value})
				if err != nil {
					t.Errorf("change %d: %v", i, err)
					cancel() // the others would wait for what does not come
					return
				}
				if c.Settings[key] != float64(value) {
					t.Errorf("change %d: answered %v", i, c)
				}
				mu.Lock()
				taken := c.Revision == 0 || changes[min(c.Revision, crowd)].Settings != nil
				if !taken {
					changes[min(c.Revision, crowd)] = c
				}
				mu.Unlock()
				if !taken {
					return
				}
				// It was that already, so there was nothing to change.
				value = 5 + (value-5+1)%76
			}
		})
	}
	all.Wait()
	for n := 2; n <= crowd; n++ {
		moved := 0
		for _, key := range levelKeys { // others may follow from these
			if changes[n-1].Settings[key] != changes[n].Settings[key] {
				moved++
			}
		}
		if moved > 1 || changes[n].Settings == nil || maps.Equal(changes[n].Settings, changes[n-1].Settings) {
			t.Errorf("change %d is %v after %v", n, changes[n].Settings, changes[n-1].Settings)
		}
	}
	for try := 0; openFiles(t, p.cmd.Process.Pid) > files; try++ {
		if try > 1000 {
			t.Errorf("%d open files, %d before", openFiles(t, p.cmd.Process.Pid), files)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.end(t, syscall.SIGTERM)
	if individual, global := levels(t, state); float64(individual) != changes[crowd].Settings["brightness.individual"] ||
		float64(global) != changes[crowd].Settings["brightness.global"] {
		t.Errorf("stored are %d and %d, want %v", individual, global, changes[crowd].Settings)
	}
	proof.Row(t, begin, "control: clients that change and clients that watch, all at once, no change lost", fmt.Sprintf("%d clients", 2*crowd))
}

func openFiles(t testing.TB, pid int) int {
	t.Helper()
	names, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
