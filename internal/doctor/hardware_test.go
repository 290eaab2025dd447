package doctor

import (
	"io/fs"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"wordclockd/internal/config"
	"wordclockd/internal/hal"
	"wordclockd/internal/hal/bh1750"
	"wordclockd/internal/hal/sim"
	"wordclockd/internal/hal/tlc59116"
)

func TestHealthy(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		want(t, lines(b.hardware(twoBuses), OK), `
ok board host: Raspberry Pi 4 Model B Rev 1.4
ok board buses: LED drivers on i2c-1, RTC and light sensor on i2c-3
ok i2c-1 /dev/i2c-1: is there, and stani may use it
ok i2c-1 LED drivers: all ten rows: as after power-on: no clock has set them up yet
ok i2c-3 /dev/i2c-3: is there, and stani may use it
ok i2c-3 RTC: runs, and says 2026-06-15 12:37:11 UTC
ok i2c-3 light sensor: answers; 0 lx, so the room is dark or no clock has started it yet
`)
		if n := b.open.Load(); n != 0 {
			t.Errorf("%d buses were left open", n)
		}
	})
}

// TestBesideAClock: the chips are as a clock keeps them.
func TestBesideAClock(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		b.Running = true
		for _, addr := range hal.LEDAddrs[1:] {
			if err := tlc59116.New(b.chips.LEDs, addr).Configure(); err != nil {
				t.Fatal(err)
			}
		}
		b.chips.Light.SetLux(120)
		if err := bh1750.New(b.chips.Sensors, hal.LightAddr).Configure(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(bh1750.MeasurementTime)
		want(t, lines(b.hardware(twoBuses), OK), `
ok board host: Raspberry Pi 4 Model B Rev 1.4
ok board buses: LED drivers on i2c-1, RTC and light sensor on i2c-3
note board daemon: a clock is running and uses the same chips; reading beside it does no harm, but a chip may just be in the middle of something
  for a look without it: stop the clock first
ok i2c-1 /dev/i2c-1: is there, and stani may use it
ok i2c-1 LED drivers: rows 1, 2, 3, 4, 5, 6, 7, 8, 9: set up by a clock
warning i2c-1 LED drivers: row 0: as after power-on, though a clock is running: the supply dips
  if it comes again: a stronger supply, or a capacitor at the board; the clock repairs it within seconds
ok i2c-3 /dev/i2c-3: is there, and stani may use it
ok i2c-3 RTC: runs, and says 2026-06-15 12:37:11 UTC
ok i2c-3 light sensor: answers; 120 lx
`)
	})
}

func TestSimulated(t *testing.T) {
	b := newBench(t)
	b.Open = nil
	want(t, lines(b.hardware(config.Board{Kind: config.Sim, LEDsBus: 1, SensorsBus: 3}), OK), `
note board kind: the board is simulated, so there is no hardware to look at
  for real chips: board.kind: linux, or --board linux
`)
}

// TestHardware has one trouble each.
func TestHardware(t *testing.T) {
	for _, c := range []struct {
		name  string
		board config.Board
		spoil func(b *bench)
		want  string
	}{
		{"no bus", twoBuses, func(b *bench) {
			delete(b.files, "dev/i2c-1")
			delete(b.files, i2cDevices+"/i2c-1/name")
		}, `
fault i2c-1 /dev/i2c-1: does not exist; this host has i2c-3
  add dtparam=i2c_arm=on to /boot/firmware/config.txt and reboot (raspi-config, Interface Options, does it for bus 1); or name another bus in the configuration
`},
		{"no second bus", twoBuses, func(b *bench) {
			delete(b.files, "dev/i2c-3")
			delete(b.files, i2cDevices+"/i2c-3/name")
		}, `
fault i2c-3 /dev/i2c-3: does not exist; this host has i2c-1
  add dtoverlay=i2c3 (before the Pi 4: dtoverlay=i2c-gpio,bus=3) to /boot/firmware/config.txt and reboot (raspi-config, Interface Options, does it for bus 1); or name another bus in the configuration
`},
		{"no second bus on a Pi 5", twoBuses, func(b *bench) {
			b.files["proc/device-tree/model"].Data = []byte("Raspberry Pi 5 Model B Rev 1.0\x00")
			delete(b.files, "dev/i2c-3")
			delete(b.files, i2cDevices+"/i2c-3/name")
		}, `
fault i2c-3 /dev/i2c-3: does not exist; this host has i2c-1
  add dtoverlay=i2c3-pi5 to /boot/firmware/config.txt and reboot (raspi-config, Interface Options, does it for bus 1); or name another bus in the configuration
`},
		{"no module", oneBus, func(b *bench) {
			b.share()
			delete(b.files, "dev/i2c-1")
		}, `
note board buses: LED drivers and RTC share i2c-1, where 0x68 is the RTC and, of each driver that was reset, LED All-Call too; a running clock keeps them apart
  works; to be rid of it, put RTC and light sensor on a bus of their own and name that in board.sensors_bus
fault i2c-1 /dev/i2c-1: does not exist, though the kernel has the adapter: the module i2c-dev is not loaded
  sudo modprobe i2c-dev; to keep it: echo i2c-dev | sudo tee /etc/modules-load.d/i2c.conf
`},
		{"a plain file", twoBuses, func(b *bench) { b.files["dev/i2c-1"] = &fstest.MapFile{} }, `
fault i2c-1 /dev/i2c-1: is no device
  remove what lies there and reboot
`},
		{"not in the group", twoBuses, func(b *bench) { b.User = User{Name: "wordclock", UID: 990, Groups: []int{990}} }, `
fault i2c-1 /dev/i2c-1: user wordclock is not in group i2c
  sudo usermod -aG i2c wordclock, then log in again; for a service SupplementaryGroups=i2c
fault i2c-3 /dev/i2c-3: user wordclock is not in group i2c
  sudo usermod -aG i2c wordclock, then log in again; for a service SupplementaryGroups=i2c
`},
		{"in the group since", twoBuses, func(b *bench) { b.User.Groups = []int{1000} }, `
fault i2c-1 /dev/i2c-1: user stani was added to group i2c, but after this session began
  log out and in again, or reboot; a service has to be restarted
fault i2c-3 /dev/i2c-3: user stani was added to group i2c, but after this session began
  log out and in again, or reboot; a service has to be restarted
`},
		{"for root alone", twoBuses, func(b *bench) {
			for _, n := range []string{"dev/i2c-1", "dev/i2c-3"} {
				b.files[n].Mode, b.files[n].Sys = fs.ModeDevice|fs.ModeCharDevice|0o600, &syscall.Stat_t{}
			}
			b.User.Name = "wordclock"
		}, `
fault i2c-1 /dev/i2c-1: user wordclock may not use it: its mode is 0600, its group root
  let udev give it to the group i2c or gpio with mode 0660, as Raspberry Pi OS does
fault i2c-3 /dev/i2c-3: user wordclock may not use it: its mode is 0600, its group root
  let udev give it to the group i2c or gpio with mode 0660, as Raspberry Pi OS does
`},
		{"cannot be opened", twoBuses, func(b *bench) { delete(b.buses, 1) }, `
fault i2c-1 /dev/i2c-1: open: no such device
  a service or container has to be given the device (DeviceAllow=/dev/i2c-1 rw, --device /dev/i2c-1); else see what dmesg says of it
`},
		{"the kernel's RTC", twoBuses, func(b *bench) { b.owned("3-0068", "rtc-ds1307") }, `
warning i2c-3 0x68: the kernel's driver rtc-ds1307 owns the RTC: the clock can use it all the same, but both may change it behind the other's back
  remove dtoverlay=i2c-rtc,ds3231 from /boot/firmware/config.txt and reboot; until then: echo 3-0068 | sudo tee /sys/bus/i2c/drivers/rtc-ds1307/unbind
`},
		{"the kernel's light sensor", twoBuses, func(b *bench) { b.owned("3-0023", "bh1750") }, `
warning i2c-3 0x23: the kernel's driver bh1750 owns the BH1750: the clock can use it all the same, but both may change it behind the other's back
  remove dtoverlay=i2c-sensor,bh1750 from /boot/firmware/config.txt and reboot; until then: echo 3-0023 | sudo tee /sys/bus/i2c/drivers/bh1750/unbind
`},
		{"the kernel's LEDs", twoBuses, func(b *bench) {
			b.owned("1-0062", "leds-tlc591xx")
			b.files[i2cDevices+"/1-0063/name"] = &fstest.MapFile{} // told of, owned by nobody
			b.owned("3-0064", "leds-tlc591xx")                     // of the other bus
		}, `
fault i2c-1 0x62: the kernel's driver leds-tlc591xx owns the TLC59116 of row 2: the clock can use it all the same, but both may change it behind the other's back
  remove the dtoverlay or new_device that names it from /boot/firmware/config.txt and reboot; until then: echo 1-0062 | sudo tee /sys/bus/i2c/drivers/leds-tlc591xx/unbind
`},
		{"a dead row", twoBuses, func(b *bench) { b.chips.LEDBus.Detach(b.chips.Rows[8]) }, `
fault i2c-1 LED drivers: row 8: nobody answers at 0x69, so dark
  check its supply, its wires and its address
`},
		{"all rows dead", twoBuses, func(b *bench) {
			for _, c := range b.chips.Rows {
				b.chips.LEDBus.Detach(c)
			}
		}, `
fault i2c-1 LED drivers: none of the ten answers
  check that the LED boards have power and share ground, SDA and SCL with this host, and that board.leds_bus is their bus; wordclockd scan shows who is where
`},
		{"swapped buses", config.Board{Kind: config.Linux, LEDsBus: 3, SensorsBus: 1}, func(b *bench) {}, `
fault i2c-3 LED drivers: none of the ten answers
  check that the LED boards have power and share ground, SDA and SCL with this host, and that board.leds_bus is their bus; wordclockd scan shows who is where
note i2c-3 0x23: a chip that the clock does not use, perhaps: BH1750
fault i2c-1 LED drivers: 10 of them answer here, but the configuration looks for them elsewhere
  set board.leds_bus to 1, and board.sensors_bus to that of the RTC
`},
		{"a chip that hangs", twoBuses, func(b *bench) { b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: 0x65}) }, `
fault i2c-1 0x65: the TLC59116 of row 5 holds the bus when it is addressed, and makes all others wait
  replace or disconnect the chip
`},
		{"a stranger that hangs", twoBuses, func(b *bench) { b.chips.SensorBus.Inject(sim.Fault{Kind: sim.Stuck, Addr: 0x57}) }, `
fault i2c-3 0x57: a chip that the clock does not use, perhaps: EEPROM, such as AT24C32 on an RTC board, holds the bus when it is addressed
  disconnect the chip
`},
		{"a bus that hangs", twoBuses, func(b *bench) { b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck}) }, `
fault i2c-1 bus: the bus hangs: the adapter waited in vain at 3 addresses up to 0x0A
  ` + remedyHang + `
`},
		{"both buses hang", twoBuses, func(b *bench) {
			b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Second})
			b.chips.SensorBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Second})
		}, `
fault i2c-1 bus: the bus hangs: the adapter waited in vain at 3 addresses up to 0x0A
  ` + remedyHang + `
fault i2c-3 bus: the bus hangs: the adapter waited in vain at 3 addresses up to 0x0A
  ` + remedyHang + `
`},
		{"a slow bus", twoBuses, func(b *bench) {
			b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Slow, Delay: 49 * time.Millisecond})
			for addr := uint16(0x10); addr <= 0x50; addr += 0x10 {
				b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Stuck, Delay: time.Second, Addr: addr})
			}
		}, `
fault i2c-1 bus: the bus is too slow: asked up to 0x5E: not done after 9s
  ` + remedyHang + `
`},
		{"no RTC", twoBuses, func(b *bench) { b.chips.SensorBus.Detach(b.chips.RTC) }, `
fault i2c-3 RTC: the RTC does not answer at 0x68: without network the clock will not know the time
  check its supply, its wires and its address
`},
		{"a flat battery", twoBuses, func(b *bench) { b.chips.RTC.PowerLoss() }, `
fault i2c-3 RTC: the RTC lost its time: it was never set, or its battery is flat
  put in a new CR2032; then ` + setRTC + `
`},
		{"an RTC that was never set", twoBuses, func(b *bench) { b.chips.RTC.Set(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)) }, `
fault i2c-3 RTC: the RTC says 2001-01-01 00:00:01 UTC, so it was never set
  ` + setRTC + `
`},
		{"an RTC that holds no time", twoBuses, func(b *bench) { b.chips.RTC.Poke(5, 0x13) }, `
fault i2c-3 RTC: the RTC holds no time: registers 10 37 12 01 15 13 26: no valid month
  ` + setRTC + `
`},
		{"an RTC that stands still", twoBuses, func(b *bench) { b.chips.RTC.SetRate(-999_999) }, `
fault i2c-3 RTC: the RTC stands still at 2026-06-15 12:37:10 UTC
  replace the chip
`},
		{"local time in the RTC", twoBuses, func(b *bench) { b.chips.RTC.Set(time.Now().Add(2 * time.Hour)) }, `
warning i2c-3 RTC: the RTC says 2026-06-15 14:37:11 UTC, 2h0m0s wrong: the clock would go wrong by this much without network
  ` + setRTC + `
`},
		{"two clocks, none sure", twoBuses, func(b *bench) {
			b.chips.RTC.Set(time.Now().Add(time.Minute))
			b.Synced = func() (bool, error) { return false, nil }
		}, `
note i2c-3 RTC: the RTC says 2026-06-15 12:38:11 UTC, 1m0s from the host's clock, which is not synchronised either; one of them is wrong
  connect the host to a network with NTP (timedatectl set-ntp true), then look again
`},
		{"an RTC that stops to answer", twoBuses, func(b *bench) {
			b.chips.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68, Byte: 1})
		}, `
fault i2c-3 RTC: the RTC is there, but cannot be read: remote I/O error
  check its supply, its wires and its address
`},
		{"a light sensor at the other address", twoBuses, func(b *bench) {
			b.chips.SensorBus.Detach(b.chips.Light)
			b.chips.SensorBus.Attach(at{0x5C, b.chips.Light, hal.LightAddr})
		}, `
warning i2c-3 light sensor: the BH1750 does not answer at 0x23: brightness cannot follow the room
  somebody answers at 0x5C: connect the pin ADDR to ground
note i2c-3 0x5C: a chip that the clock does not use, perhaps: BH1750 with ADDR high
`},
		{"one bus, before a clock", oneBus, func(b *bench) { b.share() }, `
note board buses: LED drivers and RTC share i2c-1, where 0x68 is the RTC and, of each driver that was reset, LED All-Call too; a running clock keeps them apart
  works; to be rid of it, put RTC and light sensor on a bus of their own and name that in board.sensors_bus
note i2c-1 RTC: the RTC cannot be told from row 0, which was reset and answers LED All-Call at the same address
  start the clock once, it stops that; then look again
`},
		{"one bus, the kernel's RTC", oneBus, func(b *bench) {
			b.share()
			for _, addr := range hal.LEDAddrs {
				_ = tlc59116.New(b.chips.LEDs, addr).Configure()
			}
			b.owned("1-0068", "rtc-ds1307")
		}, `
note board buses: LED drivers and RTC share i2c-1, where 0x68 is the RTC and, of each driver that was reset, LED All-Call too; a running clock keeps them apart
  works; to be rid of it, put RTC and light sensor on a bus of their own and name that in board.sensors_bus
fault i2c-1 0x68: the kernel's driver rtc-ds1307 owns the RTC: the clock can use it all the same, but both may change it behind the other's back
  remove dtoverlay=i2c-rtc,ds3231 from /boot/firmware/config.txt and reboot; until then: echo 1-0068 | sudo tee /sys/bus/i2c/drivers/rtc-ds1307/unbind
`},
		{"a row that stops to answer", twoBuses, func(b *bench) {
			b.chips.LEDBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x61, Byte: 1})
		}, `
fault i2c-1 0x61: row 1 is there, but its register cannot be read: remote I/O error
  check its supply, its wires and its address
`},
		{"a row that somebody else set up", twoBuses, func(b *bench) {
			_ = b.chips.LEDBus.Tx(0x61, []byte{0x00, 0x10}, nil)
		}, `
note i2c-1 0x61: row 1 answers, but MODE1 is 0x10: neither as after power-on nor as the clock sets it
`},
		{"an RTC that stops to answer later", twoBuses, func(b *bench) {
			time.AfterFunc(beat/2, func() { b.chips.SensorBus.Detach(b.chips.RTC) })
		}, `
fault i2c-3 RTC: the RTC is there, but cannot be read: remote I/O error
  check its supply, its wires and its address
`},
		{"a light sensor that gets stuck", twoBuses, func(b *bench) {
			time.AfterFunc(beat/2, func() { b.chips.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x23}) })
		}, `
fault i2c-3 light sensor: the BH1750 is there, but cannot be read: remote I/O error
  check its supply, its wires and its address
`},
		{"no bus 0", config.Board{Kind: config.Linux, LEDsBus: 0, SensorsBus: 3}, func(b *bench) {}, `
fault i2c-0 /dev/i2c-0: does not exist; this host has i2c-1, i2c-3
  add dtparam=i2c_vc=on to /boot/firmware/config.txt and reboot (raspi-config, Interface Options, does it for bus 1); or name another bus in the configuration
`},
		{"nobody knows the groups", twoBuses, func(b *bench) {
			delete(b.files, "etc/group")
			b.User.Groups = nil
		}, `
fault i2c-1 /dev/i2c-1: user stani is not in group 994
  sudo usermod -aG 994 stani, then log in again; for a service SupplementaryGroups=994
fault i2c-3 /dev/i2c-3: user stani is not in group 994
  sudo usermod -aG 994 stani, then log in again; for a service SupplementaryGroups=994
`},
		{"root may", twoBuses, func(b *bench) {
			b.User = User{Name: "root"}
			b.files["dev/i2c-3"].Sys = &syscall.Stat_t{Uid: 5, Gid: 5}
		}, ""},
		{"the owner may", twoBuses, func(b *bench) {
			b.User = User{Name: "me", UID: 5}
			for _, n := range []string{"dev/i2c-1", "dev/i2c-3"} {
				b.files[n].Mode, b.files[n].Sys = fs.ModeDevice|fs.ModeCharDevice|0o600, &syscall.Stat_t{Uid: 5}
			}
		}, ""},
		{"an ADC", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ADC: config.ADC{Bus: 3, Address: 0x48}}, func(b *bench) {
			b.chips.SensorBus.Attach(at{0x48, sim.NewBH1750(), hal.LightAddr})
		}, ""},
		{"pins", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ButtonPin: "GPIO4"}, func(b *bench) { b.node("gpiochip0") }, ""},
		{"pins that will not do", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ResetPin: "GPIO2", ButtonPin: "GPIO40", Lamps: config.Lamps{Time: "GPIO27"}}, func(b *bench) { b.node("gpiochip0") }, `
warning pins GPIO2: is used by i2c, so that the clock cannot
  free it (a line of config.txt, a service), or put another one into board.reset_pin
fault pins GPIO40: no GPIO chip has a line of this name: the clock runs without it
  gpioinfo lists the names of all lines: put one of them into board.button_pin
`},
		{"a pin of the clock's own", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ResetPin: "GPIO2"}, func(b *bench) { b.node("gpiochip0"); b.Running = true }, `
note board daemon: a clock is running and uses the same chips; reading beside it does no harm, but a chip may just be in the middle of something
  for a look without it: stop the clock first
warning i2c-1 LED drivers: all ten rows: as after power-on, though a clock is running: the supply dips
  if it comes again: a stronger supply, or a capacitor at the board; the clock repairs it within seconds
`},
		{"no ADC", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ADC: config.ADC{Bus: 3, Address: 0x48}}, func(b *bench) {}, `
warning i2c-3 0x48: the ADS1115 of the potentiometer does not answer
  check its supply, its wires and its address
`},
		{"no GPIO", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ResetPin: "GPIO17", Lamps: config.Lamps{Net: "GPIO22"}}, func(b *bench) {}, `
fault pins /dev/gpiochip*: 2 pins are configured, but this host has no GPIO chip
  use a kernel with GPIO character devices (5.10 or later), or leave the pins of board empty
`},
		{"no right to GPIO", config.Board{Kind: config.Linux, LEDsBus: 1, SensorsBus: 3, ButtonPin: "GPIO4"}, func(b *bench) {
			b.node("gpiochip0")
			b.files["dev/gpiochip0"].Sys = &syscall.Stat_t{Gid: 993}
		}, `
fault pins /dev/gpiochip*: user stani is not in group gpio
  sudo usermod -aG gpio stani, then log in again; for a service SupplementaryGroups=gpio
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in2026(t, func(t *testing.T) {
				b := newBench(t)
				c.spoil(b)
				want(t, lines(b.hardware(c.board), Note), c.want)
				if n := b.open.Load(); n != 0 {
					t.Errorf("%d buses were left open", n)
				}
			})
		})
	}
}

// at is a chip at another address.
type at struct {
	addr uint16
	sim.Chip
	own uint16
}

func (c at) Start(addr uint16, read bool) bool {
	return addr == c.addr && c.Chip.Start(c.own, read)
}

func TestNotAPi(t *testing.T) {
	in2026(t, func(t *testing.T) {
		b := newBench(t)
		for _, name := range []string{"proc/device-tree/model", "dev/i2c-1", i2cDevices + "/i2c-1/name", "dev/i2c-3", i2cDevices + "/i2c-3/name"} {
			delete(b.files, name)
		}
		want(t, lines(b.hardware(oneBus), OK), `
ok board host: no device tree, so not a Raspberry Pi
note board buses: LED drivers and RTC share i2c-1, where 0x68 is the RTC and, of each driver that was reset, LED All-Call too; a running clock keeps them apart
  works; to be rid of it, put RTC and light sensor on a bus of their own and name that in board.sensors_bus
fault i2c-1 /dev/i2c-1: does not exist; this host has no I²C bus at all
  load the driver of the I²C adapter, or name another bus in board.leds_bus, board.sensors_bus or board.adc.bus
`)
	})
}
