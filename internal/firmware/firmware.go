// Package firmware is the application that the boot loader starts: it builds
// the tasks of a clock on a board, and speaks for them as a clock.Service.
package firmware

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/display"
	"wordclockd/internal/hal"
	"wordclockd/internal/health"
	"wordclockd/internal/journal"
	"wordclockd/internal/ota"
	"wordclockd/internal/task"
	"wordclockd/internal/timekeeper"
	"wordclockd/internal/watch"
)

// Config is what the firmware runs on. It outlives a restart.
type Config struct {
	Board  hal.Board
	Kind   string // of the board
	Zone   *time.Location
	Synced func() (bool, error) // whether the host's clock is disciplined
	Slept  func() time.Duration // for how long in all the host was suspended; nil is never
	Log    *slog.Logger

	// Store is the file of settings and journal; "" keeps them in memory.
	Store string

	Time    config.Time
	DialNTP func(local, remote string) (net.Conn, error) // nil: the network

	Flash   *Flash // nil: nobody knows, and nothing can be installed
	OTA     config.OTA
	DialOTA ota.Dial // nil: the network

	Health config.Health // Attempts 0: nothing is examined unless somebody asks
	Proc   fs.FS         // nil: /proc

	Bridge *Bridge // to an MQTT broker; nil is none

	Button config.Button // Command "": nobody waits for it
	Hooks  config.Hooks

	ChimesFolder string // sounds are in it; "" is none

	// Front is a front end that lives as long as one start, and what it may
	// log to; nil is none.
	Front func(context.Context, clock.Service, *slog.Logger) error
}

// App returns the firmware for a board.
func App(c Config) boot.App {
	return func(ctx context.Context, in boot.Info, ask boot.Asks) error {
		store := openStore(c.Store)
		defer store.close(c.Log)
		return build(c, in, ask, store).run(ctx)
	}
}

// A runner is a goroutine of the firmware: the only owner of one resource.
type runner interface {
	Run(ctx context.Context) error
	String() string
}

// A device is one start of the firmware. It implements clock.Service.
type device struct {
	// Immutable.
	tasks   []runner
	ask     boot.Asks
	front   func(context.Context, clock.Service, *slog.Logger) error
	log     *slog.Logger // into the journal too
	store   opened
	version string
	journal *journal.Journal
	display *display.Display
	dimmer  *dimmer
	keeper  *timekeeper.Keeper
	health  *health.Monitor
	servers bool // the keeper asks some
	updater *ota.Updater
	sensors *sensors
	demo    *demo
	reach   *reach
	bridge  *bridging // nil if there is no broker
	hooks   config.Hooks
	sounds  string // their folder; "" is none
	resets  bool   // the reset line of the LED drivers is wired

	// What tasks tell each other.
	time     *watch.Value[clock.Time]        // from timekeeper
	sync     *watch.Value[clock.Sync]        // from timekeeper
	face     *watch.Value[clock.Face]        // from display
	settings *watch.Value[clock.Changed]     // from Change
	shown    *watch.Value[clock.Settings]    // the same, for those who want no number
	ambient  *watch.Value[clock.Sensors]     // from sensors
	light    *watch.Value[clock.Light]       // from the dimmer
	checked  *watch.Value[*clock.Validation] // from display; nil before the first
	link     *watch.Value[clock.Link]        // from the bridge
	update   *watch.Value[clock.Update]      // from the updater; the stored source from Change
	found    *watch.Value[clock.Health]      // from health
	entries  *watch.Value[clock.Journal]     // from journal

	status *watch.Value[clock.Status]

	changing chan struct{}      // full while somebody changes the settings
	judging  chan struct{}      // full while somebody gives a verdict on the image
	restart  chan time.Duration // has one when the firmware is to end: how soon
}

// build makes the tasks; nothing runs and no bus is touched.
func build(c Config, in boot.Info, ask boot.Asks, store opened) *device {
	d := &device{
		front: c.Front, ask: ask, store: store, version: in.Desc.Version, sounds: c.ChimesFolder, hooks: c.Hooks,
		time: watch.NewValue(firstTime(c)), sync: new(watch.Value[clock.Sync]), face: new(watch.Value[clock.Face]),
		ambient: new(watch.Value[clock.Sensors]), light: new(watch.Value[clock.Light]), checked: new(watch.Value[*clock.Validation]), link: new(watch.Value[clock.Link]),
		update: watch.NewValue(clock.Update{Stored: storedSource(store.Store)}), entries: new(watch.Value[clock.Journal]),
		found: watch.NewValue(clock.Health{Healthy: true, Checks: []clock.HealthCheck{}}), judging: make(chan struct{}, 1),
		changing: make(chan struct{}, 1), restart: make(chan time.Duration, 1),
	}
	d.openJournal(c)
	d.log.Info("firmware starts", "event", "boot", "version", in.Desc.Version, "boot", in.Boot, "slot", in.Slot, "trial", in.Trial, "last", in.Last.Reason.String())
	d.reportGaveUp(in)
	store.report(d.log)
	updates := d.readUpdates()
	d.status = watch.NewValue(clock.Status{
		Boot: in.Boot, Started: time.Now(), Version: in.Desc.Version, Board: c.Kind, Has: capabilities(c.Board),
		Trial: in.Trial, Image: newImage(c, in, updates),
	})
	d.countStart(in)
	spell, board := enchant(in.Profile, c, d.log)
	d.resets = board.Reset != nil
	settings := readSettings(store.Store, d.log)
	d.settings, d.shown = watch.NewValue(clock.Changed{Settings: settings}), watch.NewValue(settings)
	d.updater = d.newUpdater(c, in, updates)
	d.servers = asksServers(c.Time)
	d.reach = newReach(c, d.log)
	d.keeper = timekeeper.New(timekeeper.Config{
		Bus: board.Sensors, Zone: c.Zone, Synced: c.Synced, Slept: c.Slept, Time: d.time, Sync: d.sync, Log: d.log,
		Source: c.Time.Source, Servers: c.Time.NTPServers, Dial: c.DialNTP, Network: d.reach.value,
	})
	d.demo = newDemo(d.time, d.log)
	d.dimmer = newDimmer(d)
	d.display = display.New(display.Config{
		Bus: board.LEDs, Reset: board.Reset, Time: d.demo.shown, Believed: d.time, Settings: d.shown, Light: d.light, Face: d.face, Checked: d.checked,
		Log: d.log, Poll: display.DefaultPoll, Alive: spell.alive(ask), Keep: goesOn,
	})
	d.sensors = newSensors(board, d.ambient, d.log)
	d.tasks = []runner{d.display, d.keeper, d.demo, d.sensors, d.dimmer, d.reach, d.journal, d.updater, spell}
	if d.bridge = d.newBridge(c, spell); d.bridge != nil {
		d.tasks = append(d.tasks, d.bridge)
	}
	if l := d.newLamps(c, board); l != nil {
		d.tasks = append(d.tasks, l)
	}
	if board.Button != nil && c.Button.Command != "" {
		d.tasks = append(d.tasks, &button{d: d, pin: board.Button, Button: c.Button})
	}
	d.health = d.newMonitor(c, in, spell)
	d.tasks = append(d.tasks, d.health)
	return d
}

// openJournal makes the log that goes into the journal too.
func (d *device) openJournal(c Config) {
	var err error
	d.journal, err = journal.Open(journal.Config{Store: d.store.Store, Time: d.time, Value: d.entries, Log: c.Log})
	d.log = slog.New(d.journal.Handler(c.Log.Handler()))
	if err != nil {
		d.log.Warn("stored journal makes no sense in part, which is left out", "event", "settings_invalid", "err", err)
	}
}

// asksServers reports whether time servers are to be asked.
func asksServers(c config.Time) bool {
	return len(c.NTPServers) > 0 && (c.Source == "auto" || c.Source == "ntp")
}

// firstTime is what to believe until the timekeeper has looked: a host that is
// right needs no second look.
func firstTime(c Config) clock.Time {
	if c.Time.Source == "ntp" || c.Time.Source == "rtc" {
		return clock.Time{Zone: c.Zone}
	}
	if ok, err := c.Synced(); ok && err == nil {
		return clock.FromHost(time.Now(), c.Zone)
	}
	return clock.Time{Zone: c.Zone}
}

// goesOn reports whether the firmware ends in order to be started again at once.
// What hung may have to wait, and a face that stands still would be wrong.
func goesOn(cause error) bool {
	r, ok := errors.AsType[*boot.Restart](cause)
	return ok && r.Reason != boot.Hung
}

// stopLimit is how long the tasks may take for their last acts.
const stopLimit = 2 * time.Second

// run runs all tasks until ctx is done or one of them fails.
func (d *device) run(ctx context.Context) error {
	d.gather()
	g, _ := task.NewGroup(ctx)
	for _, t := range d.tasks {
		g.Go(t.String(), t.Run)
	}
	for _, p := range d.parts() {
		g.Go("status", d.report(p))
	}
	g.Go("restart", d.awaitRestart)
	if d.front != nil {
		g.Go("front", func(ctx context.Context) error { return d.front(ctx, d, d.log) })
	}
	err := g.WaitWithin(stopLimit)
	stuck := errors.Is(err, task.ErrNotStopped)
	if _, asked := errors.AsType[*boot.Restart](err); err != nil && (stuck || !asked) {
		d.log.Log(context.WithoutCancel(ctx), journal.Critical, "firmware failed", "event", "crash", "err", err)
	}
	if stuck {
		err = task.ErrNotStopped // who is left holds a bus: nobody is started beside it
	}
	d.journal.Flush() // the last words of the others
	return err
}
