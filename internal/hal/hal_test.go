package hal_test

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"wordclockd/internal/hal"
	"wordclockd/internal/hal/ds3231"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/hal/tlc59116"
)

func TestWire(t *testing.T) {
	w := hal.NewWire(sim.NewBoard().LEDBus)
	if err := w.Tx(0x60, []byte{0x80, 0x00, 0x00}, nil); err != nil { // 4 bytes
		t.Fatal(err)
	}
	if err := w.Tx(0x60, []byte{0x00}, make([]byte, 1)); err != nil { // 2 + 2
		t.Fatal(err)
	}
	if err := w.Tx(0x77, nil, nil); err != nil { // nothing at all
		t.Fatal(err)
	}
	err := w.Tx(0x77, []byte{1, 2, 3}, make([]byte, 5)) // 4 + 6
	e, ok := errors.AsType[*hal.TxError](err)
	if !ok || e.Addr != 0x77 || e.W != 3 || e.R != 5 || !errors.Is(err, syscall.EREMOTEIO) {
		t.Errorf("error %#v", err)
	}
	if want := "leds 0x77: write 3, read 5 bytes: remote I/O error"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if got, want := w.Traffic(), (hal.Traffic{Transactions: 3, Bytes: 18, Errors: 1}); got != want {
		t.Errorf("traffic %+v, want %+v", got, want)
	}
	if w.String() != "leds" || w.SetSpeed(physic.KiloHertz) != nil {
		t.Error("a wire is not the bus below it")
	}
}

// TestShare is the conflict of 0x68: with all chips on one bus, LED drivers
// that were reset speak when the RTC is asked.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour)
		b := sim.NewSharedBoard()
		bare := ds3231.New(b.LEDBus)
		guarded := ds3231.New(b.Sensors)
		row := tlc59116.New(b.LEDs, hal.LEDAddrs[3])

		for _, when := range []string{"after power-on", "after a surge"} {
			b.Surge()
			if at, err := bare.Time(); err == nil && at.Equal(time.Now().Truncate(time.Second)) {
				t.Errorf("%s: the bare bus read the right time, so there is no conflict to guard against", when)
			}
			at, err := guarded.Time()
			if want := time.Now().Truncate(time.Second); err != nil || !at.Equal(want) {
				t.Errorf("%s: read %s, %v, want %s", when, at, err, want)
			}
			if ok, err := row.Configured(); ok || err != nil {
				t.Errorf("%s: reading the RTC hid that a driver was reset: %t, %v", when, ok, err)
			}
		}

		b.Surge()
		want := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
		if err := guarded.SetTime(want); err != nil {
			t.Fatal(err)
		}
		if at, _ := b.RTC.Now(); !at.Equal(want) {
			t.Errorf("set to %s, want %s", at, want)
		}
		r := make([]byte, 3)
		if err := b.LEDs.Tx(hal.LEDAddrs[0], []byte{0xA2}, r); err != nil || r[0]|r[1]|r[2] != 0 {
			t.Errorf("setting the RTC wrote % x into the LED drivers, %v", r, err)
		}
	})
}

// TestShareHang: a driver that hangs the bus costs the RTC a time-out a minute,
// not one for each access.
func TestShareHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewSharedBoard()
		b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[3]})
		rtc := ds3231.New(b.Sensors)
		for n, want := range []time.Duration{sim.Timeout, 0, 0, sim.Timeout} {
			if n == 3 {
				time.Sleep(time.Minute)
			}
			begin := time.Now()
			if _, err := rtc.Time(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took != want {
				t.Errorf("access %d took %s, want %s", n, took, want)
			}
		}
	})
}

// TestHung: a transaction that hung is told from one that was refused, and from
// one that had to wait for its turn.
func TestHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewSharedBoard()
		b.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Addr: hal.RTCAddr, Delay: 100 * time.Millisecond})
		b.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: hal.LEDAddrs[4]})
		go func() { _, _ = ds3231.New(b.Sensors).Time() }()
		synctest.Wait()
		for addr, want := range map[uint16]bool{0x6F: false, hal.LEDAddrs[4]: true} {
			if err := b.LEDs.Tx(addr, []byte{0}, nil); err == nil || hal.IsHung(err) != want {
				t.Errorf("%#02x: %v, hung %t, want %t", addr, err, hal.IsHung(err), want)
			}
		}
		time.Sleep(time.Minute)
	})
	if hal.IsHung(nil) || hal.IsHung(errors.New("something else")) {
		t.Error("something hung that is no transaction")
	}
}

// A slowBus takes a millisecond for a transaction, and complains if another one
// comes in between.
type slowBus struct {
	i2c.Bus
	t     *testing.T
	busy  atomic.Bool
	addrs []uint16
}

func (b *slowBus) Tx(addr uint16, w, r []byte) error {
	if b.busy.Swap(true) {
		b.t.Errorf("0x%02x in the middle of another transaction", addr)
	}
	b.addrs = append(b.addrs, addr)
	time.Sleep(time.Millisecond)
	b.busy.Store(false)
	return nil
}

// TestShareHolds: nobody gets between the silencing of the LED drivers and the
// access to the RTC.
func TestShareHolds(t *testing.T) {
	for _, ledsFirst := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := &slowBus{t: t}
			leds, sensors := hal.Share(b)
			first, at := func() { _ = sensors.Tx(hal.RTCAddr, []byte{0}, make([]byte, 1)) }, 11
			second := func() { _ = leds.Tx(hal.LEDAddrs[0], []byte{0}, nil) }
			if ledsFirst {
				first, second, at = second, first, 0
			}
			go first()
			time.Sleep(500 * time.Microsecond)
			go second()
			time.Sleep(time.Second)
			synctest.Wait()
			if len(b.addrs) != 12 || b.addrs[at] != hal.LEDAddrs[0] {
				t.Errorf("LEDs first %t: on the bus %x", ledsFirst, b.addrs)
			}
		})
	}
}

// TestAddresses: they are soldered.
func TestAddresses(t *testing.T) {
	if want := [10]uint16{0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x69, 0x6A}; hal.LEDAddrs != want {
		t.Errorf("LED drivers at %x, want %x", hal.LEDAddrs, want)
	}
	if hal.RTCAddr != 0x68 || hal.LightAddr != 0x23 {
		t.Errorf("RTC at %#x, light sensor at %#x", hal.RTCAddr, hal.LightAddr)
	}
}

// TestShareLeavesTheRestAlone: a driver that works is not touched, one that is
// missing does not matter, and other chips cost nothing extra.
func TestShareLeavesTheRestAlone(t *testing.T) {
	b := sim.NewSharedBoard()
	d := tlc59116.New(b.LEDs, hal.LEDAddrs[0])
	if err := d.Configure(); err != nil {
		t.Fatal(err)
	}
	b.LEDBus.Detach(b.Rows[4])
	if _, err := ds3231.New(b.Sensors).Time(); err != nil {
		t.Error(err)
	}
	if ok, err := d.Configured(); !ok || err != nil {
		t.Errorf("driver disturbed: %t, %v", ok, err)
	}
	for _, addr := range hal.LEDAddrs {
		_ = tlc59116.New(b.LEDs, addr).Configure()
	}
	counted := hal.NewWire(b.LEDBus)
	_, quiet := hal.Share(counted)
	if _, err := ds3231.New(quiet).Time(); err != nil || counted.Traffic().Transactions != 11 {
		t.Errorf("%d transactions, %v, want ten reads of MODE1 and one of the time", counted.Traffic().Transactions, err)
	}

	wire := hal.NewWire(b.LEDBus)
	_, sensors := hal.Share(wire)
	if err := sensors.Tx(hal.LightAddr, []byte{0x01}, nil); err != nil {
		t.Error(err)
	}
	if got := wire.Traffic().Transactions; got != 1 {
		t.Errorf("the light sensor cost %d transactions, want 1", got)
	}
	if err := sensors.Tx(hal.RTCAddr, nil, nil); err != nil || wire.Traffic().Transactions != 1 {
		t.Errorf("an empty transaction went over the wire, %v", err)
	}
}
