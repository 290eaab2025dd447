package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/nvs"
	"wordclockd/internal/proof"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A rig is a journal over a file, fed by a log.
type rig struct {
	*Journal
	path  string
	time  *watch.Value[clock.Time]
	value *watch.Value[clock.Journal]
	log   *slog.Logger // goes through the journal
	own   proof.Log    // of the journal itself
	close func()
}

func open(t *testing.T, path string) *rig {
	t.Helper()
	store, err := nvs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{path: path, time: new(watch.Value[clock.Time]), value: new(watch.Value[clock.Journal])}
	r.Journal, err = Open(Config{Store: store, Time: r.time, Value: r.value, Log: r.own.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	r.log = slog.New(r.Handler(slog.DiscardHandler))
	g, _ := task.NewGroup(context.Background())
	g.Go(r.Journal.String(), r.Run)
	r.close = func() {
		g.Stop(nil)
		_ = g.Wait()
		r.Flush()
		_ = store.Close()
	}
	return r
}

// again closes the journal and opens it anew.
func (r *rig) again(t *testing.T) *rig {
	t.Helper()
	r.close()
	return open(t, r.path)
}

// lines returns the journal as text.
func (r *rig) lines() (lines []string) {
	for _, e := range r.value.Get().Entries {
		lines = append(lines, fmt.Sprintf("%d %s %s %d %s %q %s", e.Number, e.Origin, e.Severity, e.Code, e.Event, e.Message, e.Details))
	}
	return lines
}

func (r *rig) has(t *testing.T, want ...string) {
	t.Helper()
	if got := r.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("journal\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWhatGoesIn, and that it is there after a restart.
func TestWhatGoesIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
		r.log.Info("time is known", "event", "time_known")
		r.log.Debug("noise", "event", "leds_back")
		r.log.Error("LED drivers do not answer", "event", "leds_dark", "rows", []int{3}, "err", errors.New("leds 0x63: remote I/O error"))
		r.log.Info("LED drivers are back", "event", "leds_back", "rows", []int{3})
		r.log.With("who", "me").Warn("something", "n", 7, "empty", "")
		r.log.Log(t.Context(), Critical, "the end")
		want := []string{
			`0 I2C_BUS ERROR 200 leds_dark "LED drivers do not answer" rows=[3] err="leds 0x63: remote I/O error"`,
			`1 I2C_BUS INFO 201 leds_back "LED drivers are back" rows=[3]`,
			`2 SYSTEM WARNING 0  "something" who=me n=7 empty=""`,
			`3 SYSTEM CRITICAL 0  "the end" `,
		}
		r.has(t, want...)
		r = r.again(t)
		r.has(t, want...)
		if s := r.value.Get().Stats; s.Written != 4 || s.Total != 4 || s.ByOrigin[clock.OriginBus] != 2 || s.BySeverity[clock.SeverityCritical] != 1 {
			t.Errorf("stats %+v", s)
		}
		r.close()
	})
}

// TestFailedUpdate leaves few entries: the journal has room for fifty, and is about
// what goes wrong.
func TestFailedUpdate(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
	for _, event := range []string{"ota_update_available", "ota_source_served", "ota_update_started", "ota_resumed", "ota_known_bad", "ota_installed", "ota_cancelled", "ota_already_installed"} {
		r.log.Info("it goes its way", "event", event)
	}
	r.log.Warn("source has no manifest for us", "event", "ota_source_failed", "source", "github")
	r.log.Warn("source has no manifest for us", "event", "ota_source_failed", "source", "cloudflare")
	r.log.Error("no source has a valid manifest", "event", "ota_check_failed")
	r.log.Error("update failed", "event", "ota_update_failed")
	r.log.Info("the image on trial was examined", "event", "trial_examined", "healthy", true)
	r.log.Warn("the image on trial was examined", "event", "trial_examined", "healthy", false)
	r.log.Info("the image is confirmed", "event", "confirmed")
	r.has(t,
		`0 SYSTEM WARNING 401 ota_source_failed "source has no manifest for us" source=github`,
		`1 SYSTEM WARNING 401 ota_source_failed "source has no manifest for us" source=cloudflare`,
		`2 SYSTEM ERROR 442 ota_update_failed "update failed" `,
		`3 SYSTEM INFO 126 confirmed "the image is confirmed" `,
	)
	r.close()
}

// TestTrueTime: entries have the time that the clock believes, in UTC; those that
// came before it was known get it once it is, those that are stored too.
func TestTrueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
		r.log.Error("stored before")
		time.Sleep(90 * time.Second)
		r.log.Error("just before")
		time.Sleep(500 * time.Millisecond)
		at := time.Date(2026, 7, 1, 14, 0, 0, 0, time.FixedZone("", 7200))
		r.time.Set(clock.Time{Quality: clock.RTC, Zone: at.Location(), Host: time.Now(), True: at})
		time.Sleep(time.Minute)
		if slices.ContainsFunc(r.value.Get().Entries, func(e clock.Entry) bool { return e.Time.IsZero() }) {
			t.Errorf("entries without a time a minute after it is known: %+v", r.value.Get().Entries)
		}
		r.log.Error("after")
		r = r.again(t)
		defer r.close()
		var got []string
		for _, e := range r.value.Get().Entries {
			got = append(got, fmt.Sprintf("%s %s %s", e.Message, e.Uptime, e.Time.Format(time.RFC3339)))
		}
		want := []string{
			"stored before 0s 2026-07-01T11:58:29Z",
			"just before 1m30s 2026-07-01T11:59:59Z",
			"after 2m30s 2026-07-01T12:01:00Z",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if got := r.value.Get().Stats.Last[clock.OriginSystem].Format(time.RFC3339); got != "2026-07-01T12:01:00Z" {
			t.Errorf("last %s", got)
		}
	})
}

// TestRing: the last fifty stay, whatever the number of restarts.
func TestRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
		n := 0
		for round := range 5 {
			for range 7 + 30*round {
				r.log.Error(fmt.Sprint(n))
				n++
				if n%11 == 0 {
					time.Sleep(3 * time.Second)
				}
			}
			r = r.again(t)
			e := r.value.Get().Entries
			if len(e) != min(n, clock.JournalSize) {
				t.Fatalf("after %d: %d entries", n, len(e))
			}
			for i, e := range e {
				if want := max(0, n-clock.JournalSize) + i; e.Message != fmt.Sprint(want) || e.Number != uint32(want) {
					t.Errorf("after %d: entry %d is %d, %q", n, i, e.Number, e.Message)
				}
			}
		}
		r.close()
	})
}

// TestBatch: a storm of errors is one transaction a second, and an entry is
// stored a second after it came even without an orderly end.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
		for i := range 1000 {
			r.log.Error(fmt.Sprint(i))
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(batch)
		synctest.Wait()
		var stored [][]byte
		var written uint32
		if err := r.c.Store.View(func(tx *nvs.Tx) (err error) {
			stored, written = ring.All(tx)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if last, err := parseEntry(stored[49]); written != 950 || last.Message != "999" || err != nil {
			t.Errorf("stored from %d, the last is %+v, %v", written, last, err)
		}
		r.close()
	})
}

// TestStoreFails: the journal goes on without, says so once, and stores what it
// can when the store is back.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "nvs.db")
		r := open(t, path)
		r.log.Error("before")
		time.Sleep(2 * time.Second)
		good := r.c.Store
		if err := good.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			r.log.Error(fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		if got := r.own.Events(); len(got) != 1 || got[0] != "journal_unstored" {
			t.Errorf("logged %q", got)
		}
		if err := r.Clear(false); err == nil {
			t.Error("cleared what cannot be stored")
		}
		if n := len(r.value.Get().Entries); n != clock.JournalSize {
			t.Errorf("%d entries", n)
		}
		store, err := nvs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r.storing <- struct{}{} // nobody stores meanwhile
		r.c.Store = store
		<-r.storing
		r.Flush()
		_ = store.Close()
		r = r.again(t)
		e := r.value.Get().Entries
		if len(e) != clock.JournalSize || e[0].Message != "10" || e[49].Message != "59" || e[49].Number != 60 {
			t.Errorf("%d entries, %v to %v", len(e), e[0], e[len(e)-1])
		}
		r.close()
	})
}

func TestClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
		for range 3 {
			r.log.Error("x")
		}
		if err := r.Clear(true); err != nil {
			t.Fatal(err)
		}
		if j := r.value.Get(); len(j.Entries) != 3 || j.Stats != (clock.JournalStats{Written: 3}) {
			t.Errorf("counters reset: %+v", j)
		}
		r.log.Error("y")
		if err := r.Clear(false); err != nil {
			t.Fatal(err)
		}
		r = r.again(t)
		if j := r.value.Get(); len(j.Entries) != 0 || j.Stats.Total != 1 || j.Stats.Written != 4 {
			t.Errorf("cleared: %+v", j)
		}
		r.log.Error("z")
		r = r.again(t)
		r.has(t, `4 SYSTEM ERROR 0  "z" `)
		r.close()
	})
}

// TestClearWhileItRains: what is cleared does not come back, however entries,
// storing and clearing fall together.
func TestClearWhileItRains(t *testing.T) {
	for range 20 {
		r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
		g, _ := task.NewGroup(t.Context())
		for range 2 {
			g.Go("rain", func(context.Context) error {
				for i := range 20 {
					r.log.Error(fmt.Sprint(i))
					r.Flush()
				}
				return nil
			})
		}
		if err := r.Clear(false); err != nil {
			t.Fatal(err)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		want := r.lines()
		r = r.again(t)
		r.has(t, want...)
		r.close()
	}
}

// TestNoStore: without a store there is a journal all the same.
func TestNoStore(t *testing.T) {
	value := new(watch.Value[clock.Journal])
	j, err := Open(Config{Time: new(watch.Value[clock.Time]), Value: value, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	slog.New(j.Handler(slog.DiscardHandler)).Error("x")
	j.Flush()
	if len(value.Get().Entries) != 1 {
		t.Errorf("%+v", value.Get())
	}
	if err := j.Clear(false); err != nil || len(value.Get().Entries) != 0 {
		t.Errorf("%v, %+v", err, value.Get())
	}
}

// TestForeign: what another program left in the ring is left out and named.
func TestForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nvs.db")
	store, err := nvs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Update(func(tx *nvs.Tx) error {
		return ring.Append(tx, []byte("short"), appendEntry(nil, clock.Entry{Message: "good"}))
	}); err != nil {
		t.Fatal(err)
	}
	value := new(watch.Value[clock.Journal])
	_, err = Open(Config{Store: store, Time: new(watch.Value[clock.Time]), Value: value})
	if err == nil || err.Error() != "entry 0: shorter than the firmware's structure" {
		t.Errorf("error %v", err)
	}
	if e := value.Get().Entries; len(e) != 1 || e[0].Message != "good" || e[0].Number != 1 {
		t.Errorf("%+v", e)
	}
}

// TestCodes: each event has a code of its own.
func TestCodes(t *testing.T) {
	seen := map[uint16]string{}
	for name, e := range events {
		firmwares := e.origin == clock.OriginValidation && e.code >= 1 && e.code <= uint16(clock.SoftwareError)
		if other := seen[e.code]; other != "" || e.code < 100 && !firmwares || e.origin == clock.OriginUnknown || len(name) > maxEvent {
			t.Errorf("%s: %+v, as %s", name, e, other)
		}
		seen[e.code] = name
	}
}

// TestOrigins: each part of the clock of which something can go wrong has events that get
// into the journal.
func TestOrigins(t *testing.T) {
	has := map[clock.Origin]bool{clock.OriginUnknown: true, clock.OriginTransition: true, clock.OriginBrightness: true} // told by others
	for name, e := range events {
		if e.keep != never {
			has[e.origin] = true
		}
		if e.origin == clock.OriginTransition || e.origin == clock.OriginBrightness {
			t.Errorf("%s: docs/architecture.md says that %s has none", name, e.origin)
		}
	}
	for o := clock.OriginUnknown; o <= clock.OriginBrightness; o++ {
		if !has[o] {
			t.Errorf("nothing is known of %s", o)
		}
	}
}

// TestValidation: what a validation found is kept where the firmware would, and as text.
func TestValidation(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "nvs.db"))
	r.log.Warn("Validation failed: PARTIAL_MISMATCH (3 mismatches)", "event", "validation_partial", "mismatches", 3, "rows", []int{2, 9})
	r = r.again(t)
	r.has(t, `0 LED_VALIDATION WARNING 4 validation_partial "Validation failed: PARTIAL_MISMATCH (3 mismatches)" mismatches=3 rows="[2 9]"`)
	if err := r.c.Store.View(func(tx *nvs.Tx) error {
		stored, _ := ring.All(tx)
		if got, want := stored[0][contextAt:contextAt+4], []byte{3, 4, 0x04, 0x02}; !bytes.Equal(got, want) {
			t.Errorf("context % x, want % x", got, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	r.close()
}

// TestHandler is the contract of a slog.Handler.
func TestHandler(t *testing.T) {
	var buf bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		buf.Reset()
		j, err := Open(Config{Time: new(watch.Value[clock.Time]), Value: new(watch.Value[clock.Journal])})
		if err != nil {
			t.Fatal(err)
		}
		return j.Handler(slog.NewJSONHandler(&buf, nil))
	}, func(t *testing.T) map[string]any { return parseJSON(t, buf.Bytes()) })
}

// TestEveryEvent of the program has a code, but for those that are no trouble;
// and every code has an event.
func TestEveryEvent(t *testing.T) {
	plain := []string{"start", "face", "command", "http"}
	var source strings.Builder
	for _, root := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "journal/handler.go") {
				return err
			}
			b, err := os.ReadFile(path)
			source.Write(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range regexp.MustCompile(`"event", "([a-z_]+)"`).FindAllStringSubmatch(source.String(), -1) {
		if events[m[1]].code == 0 && !slices.Contains(plain, m[1]) {
			t.Errorf("%s: is logged, and has no code in the journal", m[1])
		}
	}
	b, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	help := string(b)
	for name := range events {
		if !strings.Contains(source.String(), `"`+name+`"`) {
			t.Errorf("%s: has a code, and is never logged", name)
		}
		if !strings.Contains(help, "`"+name+"`") {
			t.Errorf("%s: is not explained in docs/troubleshooting.md", name)
		}
	}
}
