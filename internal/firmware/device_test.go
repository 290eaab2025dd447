package firmware

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/face"
	"wordclockd/internal/flash"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
)

// A clockwork is the whole firmware on a simulated board.
type clockwork struct {
	board   *sim.Board
	synced  atomic.Bool // the host's clock
	store   string      // the file of settings; "" is none
	loader  *boot.Loader
	flash   flash.Device // under the loader, where a test needs it
	service clock.Service
	log     proof.Log
	zone    *time.Location
	stop    func() // and wait
}

// start runs the firmware from the given time on, for the rest of the test. To
// be called in a bubble. hurt, if not nil, is done before.
func start(t testing.TB, at time.Time, hurt func(*clockwork)) *clockwork {
	t.Helper()
	time.Sleep(time.Until(at))
	d := &clockwork{board: sim.NewBoard(), zone: at.Location()}
	d.synced.Store(true)
	if hurt != nil {
		hurt(d)
	}
	d.run(t, nil)
	synctest.Wait()
	return d
}

// run runs the firmware for the rest of the test; change, if not nil, changes
// what it runs on.
func (d *clockwork) run(t testing.TB, change func(*Config)) {
	t.Helper()
	c := Config{
		Board:  d.board.Board,
		Kind:   "sim",
		Zone:   d.zone,
		Synced: func() (bool, error) { return d.synced.Load(), nil },
		Store:  d.store,
		Log:    d.log.Logger(),
		Health: config.Health{Settle: 30 * time.Second, Attempts: 3, Interval: 30 * time.Second},
		Proc:   ampleMemory,
		Front: func(ctx context.Context, s clock.Service, _ *slog.Logger) error {
			d.service = s
			<-ctx.Done()
			return nil
		},
	}
	if change != nil {
		change(&c)
	}
	app, l := App(c), d.loader
	if l == nil {
		l = plainLoader(t)
	}
	l.Log = c.Log
	g, _ := task.NewGroup(context.Background())
	g.Go("boot", func(ctx context.Context) error { return l.Run(ctx, app) })
	d.stop = func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(d.stop)
}

// ampleMemory is a host with memory enough: the real one is not what is tested.
var ampleMemory = fstest.MapFS{
	"meminfo":     {Data: []byte("MemTotal:  1024000 kB\nMemAvailable:  512000 kB\n")},
	"self/status": {Data: []byte("Name:\twordclockd\nVmRSS:\t   20480 kB\n")},
}

// newLoader returns a boot loader over flash in memory, with an image in its first
// slot, and one that is to be tried in the second if there is to be one.
func newLoader(t testing.TB, first flash.Build, second ...flash.Build) *boot.Loader {
	t.Helper()
	l, _ := newFlash(t, first, second...)
	return l
}

// newFlash is newLoader, and returns the flash too.
func newFlash(t testing.TB, first flash.Build, second ...flash.Build) (*boot.Loader, flash.Device) {
	t.Helper()
	table := flash.Intended()
	dev := flash.NewMemory(flash.Geometry{Size: 16 << 20, Sector: flash.SectorSize})
	image, err := first.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := boot.Create(dev, table, image); err != nil {
		t.Fatal(err)
	}
	store, err := boot.Open(dev, flash.NewMemory(flash.FuseGeometry), table, "this start")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range second {
		if image, err = b.Marshal(); err != nil {
			t.Fatal(err)
		}
		if err := dev.Program(image, table.Slots()[1].Off); err != nil {
			t.Fatal(err)
		}
		if err := store.Stage(1, 0); err != nil {
			t.Fatal(err)
		}
	}
	return &boot.Loader{Store: store, Log: slog.New(slog.DiscardHandler)}, dev
}

// plainLoader is one that starts an image that does nothing wrong.
func plainLoader(t testing.TB) *boot.Loader {
	t.Helper()
	return newLoader(t, flash.Build{Desc: flash.Desc{Version: "1.2.3", Project: "wordclock"}})
}

// sees fails unless exactly the LEDs of p are lit, leaving dark rows aside.
func (d *clockwork) sees(t testing.TB, p face.Phrase, dark ...int) {
	t.Helper()
	synctest.Wait()
	got, want := d.board.Seen(), p.Mask()
	for _, row := range dark {
		got[row], want[row] = 0, 0
	}
	if got != want {
		t.Errorf("%s: sees %04X, want %04X, %q", time.Now().In(d.zone).Format(time.DateTime+".000"), got, want, p)
	}
}

// says returns what the clock has to say at a time, written down plainly.
func says(at time.Time) face.Phrase { return face.Say(at.Hour(), at.Minute(), face.Default) }

// logged fails unless the log has these events after that of the start, in any
// order, and no others.
func (d *clockwork) logged(t testing.TB, want ...string) {
	t.Helper()
	synctest.Wait()
	got := d.log.Events()
	if len(got) > 0 && got[0] == "boot" {
		got = got[1:]
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q\n%s", got, want, &d.log)
	}
}

func vienna(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
