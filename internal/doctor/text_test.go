package doctor

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/hal/sim"
)

func TestPrint(t *testing.T) {
	var b strings.Builder
	if err := Print(&b, []Finding{
		{OK, "i2c-1", "/dev/i2c-1", "is there", ""},
		{Fault, "i2c-1", "bus", "hangs", "unhang it"},
		{Warning, "github", "TLS", "ends soon", ""},
	}); err != nil {
		t.Fatal(err)
	}
	want(t, b.String(), `
i2c-1
  ok       /dev/i2c-1: is there
  fault    bus: hangs
           → unhang it

github
  warning  TLS: ends soon
`)
}

func TestPrintScan(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		b.owned("3-0068", "rtc-ds1307")
		b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: 0x62})
		for _, c := range b.chips.Rows[3:] {
			b.chips.LEDBus.Detach(c)
		}
		b.node("i2c-20")
		b.node("i2c-21")
		b.buses[20] = sim.NewBus("empty")
		hung := sim.NewBus("hung")
		hung.Inject(sim.Fault{Kind: sim.Stuck})
		b.buses[21] = i2c.Bus(hung)
		found, err := Scan(t.Context(), b.Host, b.Buses()...)
		if err != nil {
			t.Fatal(err)
		}
		var s strings.Builder
		if err := PrintScan(&s, found); err != nil {
			t.Fatal(err)
		}
		want(t, s.String(), `
/dev/i2c-1, bcm2835 (i2c@7e804000)
  0x60  answers  TLC59116, row 0
  0x61  answers  TLC59116, row 1
  0x62  hangs    TLC59116, row 2
  0x68  answers  DS3231, or LED All-Call of TLC59116 that were reset

/dev/i2c-3, bcm2835 (i2c@7e205600)
  0x23  answers        BH1750
  0x68  UU rtc-ds1307  DS3231, or LED All-Call of TLC59116 that were reset

/dev/i2c-20
  nobody answers

/dev/i2c-21
  0x08  hangs  unknown
  0x09  hangs  unknown
  0x0A  hangs  unknown
  the bus hangs: the adapter waited in vain at 3 addresses up to 0x0A
  → `+remedyHang+`
`)
	})
}

func TestFindingJSON(t *testing.T) {
	f := Finding{Warning, "github", "TLS", "ends soon", "renew it"}
	text, err := json.Marshal(f)
	if want := `{"level":"warning","topic":"github","subject":"TLS","text":"ends soon","remedy":"renew it"}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	var back Finding
	if err := json.Unmarshal(text, &back); err != nil || back != f {
		t.Errorf("read back %+v, %v", back, err)
	}
}

// TestThisWeb: the resolver gives up when it is told to.
func TestThisWeb(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := ThisWeb("wordclockd/test")
	if _, err := w.Lookup(ctx, "raw.example"); err == nil {
		t.Error("a look-up that was cancelled succeeds")
	}
	if _, err := w.Dial(ctx, "tcp", "127.0.0.1:1"); err == nil {
		t.Error("a connection that was cancelled succeeds")
	}
	if w.Agent != "wordclockd/test" || w.Proxy == nil {
		t.Errorf("%+v", w)
	}
}

// TestTroubleshooting holds that the document explains what doctor diagnoses,
// and knows the events of the updater.
func TestTroubleshooting(t *testing.T) {
	doc, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ToLower(string(doc))
	for _, complaint := range []string{doesNotChange, both404, noFailover} {
		if !strings.Contains(text, "## "+complaint) {
			t.Errorf("no section %q", complaint)
		}
	}
	log, err := os.ReadFile("../ota/ota.go")
	if err != nil {
		t.Fatal(err)
	}
	events := regexp.MustCompile(`(?m)^//\s+(ota_\w+)`).FindAllStringSubmatch(string(log), -1)
	if len(events) == 0 {
		t.Error("package ota lists no events")
	}
	for _, m := range events {
		if !strings.Contains(text, "`"+m[1]+"`") {
			t.Errorf("event %s is not explained", m[1])
		}
	}
}

// TestTroubleshootingQuotes holds that what the document quotes in its columns
// "it says" is what is really said: the tests of this package want it.
func TestTroubleshootingQuotes(t *testing.T) {
	doc, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	said := saidInTests(t)
	column, quotes := -1, 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, " | ")
		switch i := slices.IndexFunc(cells, func(c string) bool { return strings.HasSuffix(c, "says") }); {
		case !strings.HasPrefix(line, "|"):
			column = -1
		case i >= 0:
			column = i
		case column >= 0 && column < len(cells):
			for _, q := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[column], -1) {
				quotes++
				for part := range strings.SplitSeq(q[1], "…") {
					if !strings.Contains(said, strings.TrimSpace(part)) {
						t.Errorf("%q is quoted, but not said", part)
					}
				}
			}
		}
	}
	if quotes < 30 {
		t.Errorf("found %d quotes, so the tables were not understood", quotes)
	}
}

func saidInTests(t *testing.T) (said string) {
	for _, name := range []string{"hardware_test.go", "ota_test.go", "mqtt_test.go", "mqtt.go", "../hal/linux/linux.go", "../../cmd/wordclockd/doctor.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		said += string(text)
	}
	return said
}
