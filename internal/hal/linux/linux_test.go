package linux

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/hal"
	"wordclockd/internal/hal/ds3231"
	"wordclockd/internal/hal/sim"
)

// adapters are what a kernel has: by number, and whether they were closed.
type adapters map[int]*adapter

type adapter struct {
	i2c.Bus
	closed int
}

func (a *adapter) Close() error { a.closed++; return nil }

func (m adapters) open(n int) (i2c.BusCloser, error) {
	if a := m[n]; a != nil {
		return a, nil
	}
	return nil, errors.New("not there")
}

func TestTwoAdapters(t *testing.T) {
	chips := sim.NewBoard()
	host := adapters{1: {Bus: chips.LEDBus}, 3: {Bus: chips.SensorBus}}
	var log bytes.Buffer
	b, err := kernel{adapter: host.open}.open(Config{LEDsBus: 1, SensorsBus: 3}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ds3231.New(b.Sensors).Time(); err != nil {
		t.Error(err)
	}
	err = b.LEDs.Tx(0x6F, []byte{0}, nil)
	if e, ok := errors.AsType[*hal.TxError](err); !ok || e.Bus != "leds" {
		t.Errorf("error %v, want a *hal.TxError that names the bus", err)
	}
	err = b.Sensors.Tx(0x50, []byte{0}, nil)
	if e, ok := errors.AsType[*hal.TxError](err); !ok || e.Bus != "sensors" {
		t.Errorf("error %v, want a *hal.TxError that names the bus", err)
	}
	if err := b.Close(); err != nil || host[1].closed != 1 || host[3].closed != 1 {
		t.Errorf("closed %d and %d times, %v", host[1].closed, host[3].closed, err)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}

// TestOneAdapter: the RTC is right though every LED driver answers 0x68, and
// the log says why this needs care.
func TestOneAdapter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(25 * 365 * 24 * time.Hour)
		chips := sim.NewSharedBoard()
		host := adapters{1: {Bus: chips.LEDBus}}
		var log bytes.Buffer
		b, err := kernel{adapter: host.open}.open(Config{LEDsBus: 1, SensorsBus: 1}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			at, err := ds3231.New(b.Sensors).Time()
			if want := time.Now().Truncate(time.Second); err != nil || !at.Equal(want) {
				t.Errorf("read %s, %v, want %s", at, err, want)
			}
			chips.Surge()
		}
		if err := b.Close(); err != nil || host[1].closed != 1 {
			t.Errorf("closed %d times, %v", host[1].closed, err)
		}
		if s := log.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "event=shared_bus") || !strings.Contains(s, "0x68") {
			t.Errorf("logged %s", s)
		}
	})
}

func TestAdapterMissing(t *testing.T) {
	chips := sim.NewBoard()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if _, err := (kernel{adapter: adapters{}.open}).open(Config{LEDsBus: 7, SensorsBus: 3}, logger); err == nil || err.Error() != "open LED bus: not there" {
		t.Errorf("no LED bus: error %v", err)
	}
	host := adapters{1: {Bus: chips.LEDBus}}
	b, err := kernel{adapter: host.open}.open(Config{LEDsBus: 1, SensorsBus: 3}, logger)
	if err != nil {
		t.Fatal(err)
	}
	if b.Sensors != nil {
		t.Error("a sensor bus that could not be opened is there")
	}
	if !strings.Contains(log.String(), "event=no_sensor_bus") {
		t.Errorf("logged %q", &log)
	}
	if err := b.Close(); err != nil || host[1].closed != 1 {
		t.Errorf("closed %d times, %v", host[1].closed, err)
	}
}

// TestNode asks the real kernel for nodes that cannot be used.
func TestNode(t *testing.T) {
	if _, err := Open(Config{LEDsBus: 65535}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "/dev/i2c-65535 does not exist: enable I²C") {
		t.Errorf("missing node: error %v", err)
	}
	plain := filepath.Join(t.TempDir(), "i2c-1")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := limit(plain); err == nil || !strings.Contains(err.Error(), "is no I²C adapter") {
		t.Errorf("plain file: error %v", err)
	}
	if os.Getuid() == 0 {
		return // root may open anything
	}
	if err := os.Chmod(plain, 0); err != nil {
		t.Fatal(err)
	}
	if err := limit(plain); err == nil || !strings.Contains(err.Error(), "add the user to its group") {
		t.Errorf("unreadable node: error %v", err)
	}
}
