package firmware

import (
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal/sim"
)

// TestTimeStates: whatever the time comes from, and whatever is wrong with that, the status
// says so.
func TestTimeStates(t *testing.T) {
	at := time.Date(2026, 6, 15, 12, 30, 5, 0, time.UTC)
	synced := func(d *clockwork) { d.synced.Store(true) }
	down := func(s sim.ServerFault) sim.TimeServers {
		server := sim.NewTimeServer()
		server.SetFault(s)
		return sim.TimeServers{"a.test": server}
	}
	ahead := func() sim.TimeServers {
		server := sim.NewTimeServer()
		server.SetOffset(time.Hour)
		return sim.TimeServers{"a.test": server}
	}
	for _, c := range []struct {
		name    string
		hurt    func(*clockwork)
		servers sim.TimeServers
		then    func(*clockwork) // after ten seconds, before another thirty

		quality          clock.Quality
		rtc              clock.RTCCondition
		host, differs    bool
		lastSync, rtcSet bool
		most             time.Duration // that is said to be the error; 0: none is said
	}{
		{name: "host", hurt: synced, quality: clock.Synced, rtc: clock.RTCGood, host: true, most: 128 * time.Millisecond},
		{name: "host, and servers that contradict it", hurt: synced, servers: ahead(), quality: clock.Synced, rtc: clock.RTCGood, host: true, differs: true, most: 2 * time.Hour},
		{name: "servers", servers: down(sim.Up), quality: clock.Synced, rtc: clock.RTCGood, lastSync: true, most: 64 * time.Millisecond},
		{name: "servers, RTC lost its power", hurt: func(d *clockwork) { d.board.RTC.PowerLoss() }, servers: down(sim.Up),
			quality: clock.Synced, rtc: clock.RTCGood, lastSync: true, rtcSet: true, most: 64 * time.Millisecond},
		{name: "holdover", hurt: synced, then: func(d *clockwork) { d.synced.Store(false) }, quality: clock.Holdover, rtc: clock.RTCGood, lastSync: true, most: 128 * time.Millisecond},
		{name: "holdover, RTC gone", hurt: synced, then: func(d *clockwork) { d.synced.Store(false); d.board.SensorBus.Detach(d.board.RTC) },
			quality: clock.Holdover, rtc: clock.RTCSilent, lastSync: true, most: 128 * time.Millisecond},
		{name: "RTC", quality: clock.RTC, rtc: clock.RTCGood, most: 2 * time.Minute},
		{name: "RTC, no server answers", servers: down(sim.Down), quality: clock.RTC, rtc: clock.RTCGood, most: 2 * time.Minute},
		{name: "RTC cannot be set", hurt: func(d *clockwork) {
			synced(d)
			d.board.RTC.Set(at.Add(time.Hour))
			d.board.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68, Byte: 2})
		}, quality: clock.Synced, rtc: clock.RTCDiffers, host: true, most: 128 * time.Millisecond},
		{name: "RTC lost its power", hurt: func(d *clockwork) { d.board.RTC.PowerLoss() }, quality: clock.Unknown, rtc: clock.RTCStopped},
		{name: "RTC holds no time", hurt: func(d *clockwork) { d.board.RTC.Poke(0x01, 0x7A) }, quality: clock.Unknown, rtc: clock.RTCInvalid},
		{name: "RTC was never set", hurt: func(d *clockwork) { d.board.RTC.Set(at.AddDate(-20, 0, 0)) }, quality: clock.Unknown, rtc: clock.RTCUnset},
		{name: "RTC stands still", hurt: func(d *clockwork) { d.board.RTC.SetRate(-1e6 + 1) }, quality: clock.Unknown, rtc: clock.RTCUnsteady},
		{name: "RTC does not answer", hurt: func(d *clockwork) { d.board.SensorBus.Detach(d.board.RTC) }, quality: clock.Unknown, rtc: clock.RTCSilent},
		{name: "RTC not wired", hurt: func(d *clockwork) { d.board.Sensors = nil }, quality: clock.Unknown, rtc: clock.RTCAbsent},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := tell(t, at, c.hurt, c.servers)
				time.Sleep(10 * time.Second)
				if c.then != nil {
					c.then(d)
				}
				time.Sleep(90 * time.Second)
				synctest.Wait()
				s, _ := d.service.Watch()
				x := s.Sync
				if s.Time.Quality != c.quality || s.Face.Unknown != (c.quality == clock.Unknown) || x.Host != c.host || x.Differs != c.differs || x.LastSync.IsZero() == c.lastSync {
					t.Errorf("%s, %+v", s.Time.Quality, x)
				}
				if x.RTC.Condition != c.rtc || (x.RTC.Err == "") != (c.rtc == clock.RTCGood) || x.RTC.Set.IsZero() == c.rtcSet {
					t.Errorf("RTC %s, %+v", x.RTC.Condition, x.RTC)
				}
				if (x.Error > 0) != (c.most > 0) || x.Error > c.most || len(x.Servers) != len(c.servers) {
					t.Errorf("error %s, want %s at most; servers %+v", x.Error, c.most, x.Servers)
				}
			})
		})
	}
}

// TestNeverPlausible: an RTC that cannot be believed lights no word, neither at the start
// nor when it happens later, and when it can be again its time is shown.
func TestNeverPlausible(t *testing.T) {
	at := time.Date(2026, 6, 15, 12, 30, 4, 0, time.UTC)
	right := wall(at).Mask()
	minuteLEDs, without := face.Say(14, 34, face.Default).Mask(), right
	for row := range minuteLEDs {
		minuteLEDs[row] &^= without[row]
	}
	for _, c := range []struct {
		name string
		hurt func(*sim.Board)
		good bool // it is understood
	}{
		{"oscillator stopped", func(b *sim.Board) { b.RTC.PowerLoss() }, false},
		{"mark of a stopped oscillator alone", func(b *sim.Board) { b.RTC.Poke(0x0F, 0x80) }, false},
		{"second is not BCD", func(b *sim.Board) { b.RTC.Poke(0x00, 0x6A) }, false},
		{"hour is not BCD", func(b *sim.Board) { b.RTC.Poke(0x02, 0x1B) }, false},
		{"hour 24", func(b *sim.Board) { b.RTC.Poke(0x02, 0x24) }, false},
		{"31 June", func(b *sim.Board) { b.RTC.Poke(0x04, 0x31) }, false},
		{"day 0", func(b *sim.Board) { b.RTC.Poke(0x04, 0x00) }, false},
		{"month 0", func(b *sim.Board) { b.RTC.Poke(0x05, 0x00) }, false},
		{"hour 0 of 12", func(b *sim.Board) { b.RTC.Poke(0x02, 0x40) }, false},
		{"hour 13 of 12", func(b *sim.Board) { b.RTC.Poke(0x02, 0x53) }, false},
		{"12-hour mode", func(b *sim.Board) { b.RTC.Poke(0x02, 0x72) }, true},
		{"does not answer", func(b *sim.Board) { b.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68}) }, false},
		{"does not send", func(b *sim.Board) { b.SensorBus.Inject(sim.Fault{Kind: sim.Nack, Addr: 0x68, Byte: 1}) }, false},
		{"bus hangs", func(b *sim.Board) { b.SensorBus.Inject(sim.Fault{Kind: sim.Stuck}) }, false},
		{"wire floats high", func(b *sim.Board) { b.RTC.Set(at); pokeAll(b.RTC, 0xFF) }, false},
		{"wire is low", func(b *sim.Board) { pokeAll(b.RTC, 0x00) }, false},
	} {
		for _, later := range []bool{false, true} {
			name := c.name
			if later {
				name += ", later"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := tell(t, at, func(d *clockwork) {
						if !later {
							c.hurt(d.board)
						}
					}, nil)
					if later {
						time.Sleep(6300 * time.Millisecond)
						d.sees(t, wall(at))
						c.hurt(d.board)
					}
					for range 400 {
						time.Sleep(100 * time.Millisecond)
						synctest.Wait()
						if lit := d.board.Seen(); lit != right && lit != minuteLEDs && lit != (face.Mask{}) {
							t.Fatalf("%s: sees %04X", time.Now(), lit)
						}
					}
					s, _ := d.service.Watch()
					if s.Face.Unknown == c.good || s.Sync.RTC.Hour12 != c.good {
						t.Errorf("%s, %+v", s.Time.Quality, s.Sync.RTC)
					}
					d.board.SensorBus.Heal()
					d.board.RTC.Poke(0x0F, 0)
					d.board.RTC.Set(time.Now().Add(3 * time.Hour))
					time.Sleep(20 * time.Second)
					d.sees(t, wall(time.Now().Add(3*time.Hour)))
				})
			})
		}
	}
}

// pokeAll writes one value into all registers of the time, and into the status.
func pokeAll(c *sim.DS3231, v uint8) {
	for reg := range 7 {
		c.Poke(reg, v)
	}
	c.Poke(0x0F, v)
}
