package doctor

import (
	"encoding/json"
	"errors"
	"testing"

	"periph.io/x/conn/v3/i2c"

	"wordclockd/internal/hal/sim"
)

func TestScan(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		b.owned("3-0068", "rtc-ds1307")
		b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: 0x62})
		for _, row := range []int{0, 1, 3, 4, 5, 6, 7, 8} {
			b.chips.LEDBus.Detach(b.chips.Rows[row])
		}
		got, err := Scan(t.Context(), b.Host, b.Buses()...)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		want(t, string(text), `[
 {
  "bus": 1,
  "name": "bcm2835 (i2c@7e804000)",
  "answers": [
   {
    "addr": "0x62",
    "chip": "TLC59116, row 2",
    "hung": true
   },
   {
    "addr": "0x68",
    "chip": "DS3231, or LED All-Call of TLC59116 that were reset"
   },
   {
    "addr": "0x6A",
    "chip": "TLC59116, row 9"
   }
  ]
 },
 {
  "bus": 3,
  "name": "bcm2835 (i2c@7e205600)",
  "answers": [
   {
    "addr": "0x23",
    "chip": "BH1750"
   },
   {
    "addr": "0x68",
    "driver": "rtc-ds1307",
    "chip": "DS3231, or LED All-Call of TLC59116 that were reset"
   }
  ]
 }
]`)
		if n := b.open.Load(); n != 0 {
			t.Errorf("%d buses were left open", n)
		}
	})
}

func TestScanTroubles(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		b.buses[1] = smbus{b.chips.LEDBus}
		b.chips.SensorBus.Inject(sim.Fault{Kind: sim.Stuck})
		b.node("i2c-20")
		got, err := Scan(t.Context(), b.Host, 1, 3, 20, 21)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{
			"ask by reading: sysfs-i2c: operation not supported",
			"the bus hangs: the adapter waited in vain at 3 addresses up to 0x0A",
			"open: no such device",
			"does not exist; this host has i2c-1, i2c-3, i2c-20",
		} {
			if got[i].Error != want {
				t.Errorf("error %q, want %q", got[i].Error, want)
			}
		}
		if got[1].Remedy != remedyHang || got[3].Remedy == "" {
			t.Errorf("no remedy: %+v", got)
		}
	})
}

// smbus is an adapter that can do no plain I²C.
type smbus struct{ i2c.Bus }

func (smbus) Tx(uint16, []byte, []byte) error {
	return errors.New("sysfs-i2c: operation not supported")
}

func TestScanNothing(t *testing.T) {
	if got, err := Scan(t.Context(), newBench(t).Host); len(got) != 0 || err != nil {
		t.Errorf("scan of no bus: %v, %v", got, err)
	}
}
