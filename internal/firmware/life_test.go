package firmware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/flash/flashtest"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/release"
	"wordclockd/internal/task"
)

// A life is a clock from its first start on, through processes and power cuts.
type life struct {
	t      testing.TB
	random *rand.Rand
	zone   *time.Location
	table  flash.Table
	signed bool // images have to be
	depots []*depot
	ota    config.OTA
	log    shared

	// Of the present process.
	cell  *cell
	board *sim.Board
	store string // the file of settings
	dir   string // of such files
	tasks *task.Group

	told      []string // what happened
	processes int
	hosts     int // starts of the host

	published []*parcel
	parcels   map[string]*parcel // the same, by the hash
	*laws
}

// smallTable is as small as a table can be, so that a flash is quickly read.
var smallTable = flash.Table{Partitions: []flash.Partition{
	{Name: "otadata", Type: flash.TypeData, Subtype: flash.DataOTA, Off: 0xE000, Size: 0x2000},
	{Name: "ota_0", Type: flash.TypeApp, Subtype: flash.AppOTA, Off: 0x10000, Size: 0x40000},
	{Name: "ota_1", Type: flash.TypeApp, Subtype: flash.AppOTA + 1, Off: 0x50000, Size: 0x40000},
}}

// born returns a clock with its first image, and two sources that have nothing yet. It
// is to be called in a bubble.
func born(t testing.TB, seed uint64) *life {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)))
	l := &life{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), zone: time.UTC, table: smallTable, signed: seed%4 == 0,
		dir: t.TempDir(), board: sim.NewBoard(), parcels: map[string]*parcel{}, laws: newLaws(),
	}
	l.store = filepath.Join(l.dir, "nvs.db")
	l.connect(seed%3 == 0)
	l.ota.CompareSources, l.ota.AutoInstall = seed%5 != 0, seed%2 == 0
	l.ota.Stall, l.ota.Deadline, l.ota.RebootDelay = 5*time.Second, 10*time.Minute, time.Duration(seed%2)*3*time.Second
	if l.ota.AutoInstall {
		l.ota.CheckInterval = 10 * time.Minute
	}
	first := l.pack("newer")
	dev, fuses := flash.NewMemory(flash.Geometry{Size: 0x90000, Sector: flash.SectorSize}), flash.NewMemory(flash.FuseGeometry)
	if err := boot.Create(dev, l.table, first.image); err != nil {
		t.Fatal(err)
	}
	if l.signed {
		l.trust(fuses)
	}
	l.cell = newCell(dev.Geometry(), []flashtest.Content{held(t, dev)}, []flashtest.Content{held(t, fuses)})
	l.cell.watch(l.table)
	for _, d := range l.depots {
		d.stock(t, first)
	}
	l.rise()
	t.Cleanup(func() { l.fall() })
	return l
}

func (l *life) trust(fuses flash.Device) {
	f, err := flash.Fuses{}.Trust(flash.DigestKey(&signer().PublicKey))
	if err == nil {
		err = flash.BurnFuses(fuses, f)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// connect makes the sources, and the configuration that names them.
func (l *life) connect(encrypted bool) {
	g, _ := task.NewGroup(context.Background())
	l.t.Cleanup(func() { // servers are closed by later cleanups, which run first
		if err := g.Wait(); err != nil {
			l.t.Error(err)
		}
	})
	scheme, ca := "http", []byte{}
	for _, host := range []string{"github.test", "cloudflare.test"} {
		if !encrypted {
			l.depots = append(l.depots, openDepot(l.t, g, host, nil))
			continue
		}
		cert, root, err := release.Certify(time.Now(), host)
		if err != nil {
			l.t.Fatal(err)
		}
		scheme, ca = "https", append(ca, root...)
		l.depots = append(l.depots, openDepot(l.t, g, host, &cert))
	}
	source := func(d *depot) config.Source {
		return config.Source{Manifest: scheme + "://" + d.host + "/version.json", Image: scheme + "://" + d.host + "/wordclock.bin"}
	}
	l.ota = config.OTA{GitHub: source(l.depots[0]), Cloudflare: source(l.depots[1]), AllowHTTP: !encrypted}
	if encrypted {
		l.ota.CAFile = filepath.Join(l.t.TempDir(), "ca.pem")
		if err := os.WriteFile(l.ota.CAFile, ca, 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
}

// connected is a host with memory and a network.
var connected = fstest.MapFS{
	"meminfo":     ampleMemory["meminfo"],
	"self/status": ampleMemory["self/status"],
	"net/route": {Data: []byte("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")},
	"net/ipv6_route": {},
}

// rise starts a process.
func (l *life) rise() {
	l.t.Helper()
	l.processes++
	l.mu.Lock()
	l.device = nil
	l.mu.Unlock()
	store, err := boot.Open(l.cell.flash, l.cell.fuses, l.table, fmt.Sprint("start ", l.hosts))
	if err != nil {
		l.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&l.log, nil))
	app := App(Config{
		Board: l.board.Board, Kind: "sim", Zone: l.zone, Synced: func() (bool, error) { return true, nil },
		Store: l.store, Log: log, Proc: connected, OTA: l.ota, DialOTA: dial(l.depots),
		Flash:  &Flash{l.cell.flash, l.table},
		Health: config.Health{Settle: 30 * time.Second, Attempts: 3, Interval: 30 * time.Second},
		Front:  l.front,
	})
	loader := &boot.Loader{Store: store, Log: log}
	l.tasks, _ = task.NewGroup(context.Background())
	l.tasks.Go("boot", func(ctx context.Context) error { return loader.Run(ctx, l.witnessed(app)) })
	synctest.Wait()
}

// A shared writer is one for several goroutines.
type shared struct {
	mu sync.Mutex
	bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Buffer.Write(p)
}

// fall ends the process as a user does.
func (l *life) fall() {
	l.tasks.Stop(nil)
	if err := l.tasks.Wait(); err != nil && !l.cell.isDead() && !l.isFaulty() {
		l.t.Errorf("the process ended: %v", err)
	}
}

// restart ends the process, and starts another after a while.
func (l *life) restart() {
	l.excuse("never_confirmed")
	l.fall()
	l.pause(time.Second)
	l.rise()
}

// kill kills the process, or cuts the power, and starts another process after a while.
// The file of settings is as it was committed last, since everything waits in a bubble
// where time passes; what cuts leave of it is for package nvs to say.
func (l *life) kill(cut bool) {
	synctest.Wait()
	next := l.cell.kill(l.t, cut, l.random)
	store := filepath.Join(l.dir, fmt.Sprintf("nvs-%d.db", l.processes))
	if b, err := os.ReadFile(l.store); err == nil {
		err = os.WriteFile(store, b, 0o600)
		if err != nil {
			l.t.Fatal(err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		l.t.Fatal(err)
	}
	l.fall()
	l.cell, l.store, l.board = next, store, sim.NewBoard()
	l.cell.watch(l.table)
	if cut {
		l.hosts++
		l.cuts++
	} else {
		l.excuse("crashed")
	}
	l.pause(time.Second)
	l.rise()
	if l.random.IntN(4) == 0 {
		l.pause(20 * opTime) // it may not have come to a start yet
		l.kill(l.random.IntN(2) == 0)
	}
}

// pause lets a random time pass.
func (l *life) pause(most time.Duration) { time.Sleep(time.Duration(l.random.Int64N(int64(most)))) }

// pack makes a parcel of a kind that suits the clock as it is.
func (l *life) pack(kind string) *parcel {
	p := pack(l.t, kind, len(l.published)+1, 70<<10+l.random.Int64N(150<<10), uint32(l.floor), l.signed)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published = append(l.published, p)
	l.parcels[p.manifest.SHA256] = p
	return p
}
