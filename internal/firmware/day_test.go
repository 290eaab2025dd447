package firmware

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/hal"
	"wordclockd/internal/proof"
)

// daylight is the light in a room at an hour of the day, lx: the sun of May through
// clouds, and a lamp in the evening.
func daylight(hour float64) float64 {
	lux := 1.0
	if hour >= 20.75 && hour < 22.25 {
		lux += 150
	}
	if sun := math.Sin((hour - 5.5) * math.Pi / 15); hour > 5.5 && hour < 20.5 {
		clouds := 0.6 + 0.4*math.Sin(hour*19.5)*math.Sin(hour*48)
		lux += 20000 * sun * sun * sun * clouds
	}
	return lux
}

// groupAt is the group level for a light, as settings have it, not rounded.
func groupAt(s clock.Settings, lux float64) float64 {
	from := 1.0
	for i, z := range s.Zones {
		to := max(1500, 3*float64(s.Thresholds[clock.Zones-2]))
		if i < len(s.Thresholds) {
			to = float64(s.Thresholds[i])
		}
		if lux <= to || i == clock.Zones-1 {
			part := min(max((lux-from)/(to-from), 0), 1)
			return max(float64(z.Min)+part*float64(z.Max-z.Min), float64(clock.MinLevel))
		}
		from = to
	}
	panic("no zones")
}

// suits reports whether a group level is right for a light, when it may be so much at
// most. The light is told when it changed by a twentieth, has to change by a tenth to be
// followed, and comes from a sensor of whole lux.
func suits(s clock.Settings, lux float64, group, atMost clock.Level) bool {
	const few = 2
	least, most := groupAt(s, lux-few), groupAt(s, lux+few)
	for part := 0.86; part <= 1.17; part += 0.01 {
		x := groupAt(s, lux*part)
		least, most = min(least, x), max(most, x)
	}
	return float64(group) >= math.Floor(min(least, float64(atMost))) && float64(group) <= math.Ceil(min(most, float64(atMost)))
}

// A day is one of a clock, that may have shorter hours.
type day struct {
	*clockwork
	begin time.Time
	hour  time.Duration
}

// at returns when it is an hour.
func (d *day) at(hour float64) time.Time {
	return d.begin.Add(time.Duration(hour * float64(d.hour)).Round(time.Minute))
}

// is returns which hour it is.
func (d *day) is() float64 { return float64(time.Since(d.begin)) / float64(d.hour) }

// window is one of the night, between hours.
func (d *day) window(from, to float64, what string) string {
	return fmt.Sprintf("%s-%s %s", d.at(from).Format("15:04"), d.at(to).Format("15:04"), what)
}

// TestDay: a day with its light, clouds, a lamp and a night. The face is right and just
// as bright as it is to be in each minute, follows the light without a jump, is dim and
// dark when it is to be, and nothing of it takes the clock for a fault. Without soak the
// hours have ten minutes.
func TestDay(t *testing.T) {
	begin := time.Now()
	var total hal.Traffic
	d := &day{hour: time.Hour}
	if len(proof.Seeds(t, 1)) == 1 {
		d.hour = 10 * time.Minute
	}
	synctest.Test(t, func(t *testing.T) {
		d.begin = time.Date(2026, 5, 1, 0, 0, 0, 0, vienna(t))
		var b *beholder
		d.clockwork = start(t, d.begin.Add(-10*time.Second), func(c *clockwork) {
			b = watched(c.board)
			c.board.Light.SetLux(daylight(0))
			c.board.Knob.TurnTo(0)
		})
		d.set(t, clock.Edit{Key: "night.windows", Value: d.window(22, 6, "dim 20") + "; " + d.window(23.5, 5, "off")})
		var es steadiness
		b.on(func(row int, now [face.Cols]uint16) {
			if row == 0 {
				es.look(now[0])
			}
			if lit := now != [face.Cols]uint16{}; lit && (time.Now().Before(d.at(5)) || time.Now().After(d.at(23.5).Add(frame))) {
				t.Errorf("%s: row %d is lit in the night", time.Now(), row)
			}
		})
		before := d.board.LEDs.(*hal.Wire).Traffic()
		for at := d.begin; at.Before(d.at(24)) && !t.Failed(); at = at.Add(time.Minute) {
			d.minute(t, at)
		}
		after := d.board.LEDs.(*hal.Wire).Traffic()
		total = hal.Traffic{Transactions: after.Transactions - before.Transactions, Bytes: after.Bytes - before.Bytes}
		if es.worst > 1.25 || es.steps < 500 {
			t.Errorf("%d steps, the largest by %.2f", es.steps, es.worst)
		}
		minutes := uint64(24 * d.hour / time.Minute)
		if most := minutes * 300; total.Transactions > most {
			t.Errorf("%d transactions, want %d at most", total.Transactions, most)
		}
		s, _ := d.service.Watch()
		if v := s.Validation; v == nil || v.Stats.Failed > 0 || uint64(v.Stats.Total) < minutes*3/4 || v.Stats.Health != 100 {
			t.Errorf("self-check: %+v", v)
		}
		d.logged(t, "time_known")
	})
	proof.Row(t, begin, "firmware: a day of light, clouds, lamp and night; the face right and as bright as it is to be, no jump, no false alarm",
		fmt.Sprintf("%d minutes, %d transactions, %d kB on the LED bus", 24*d.hour/time.Minute, total.Transactions, total.Bytes/1000))
}

// minute lets one of the day pass.
func (d *day) minute(t *testing.T, at time.Time) {
	t.Helper()
	off, dim := at.Before(d.at(5)) || !at.Before(d.at(23.5)), at.Before(d.at(6)) || !at.Before(d.at(22))
	time.Sleep(time.Until(at.Add(frame)))
	synctest.Wait()
	s, _ := d.service.Watch()
	switch seen := d.board.Seen(); {
	case off && seen != face.Mask{}:
		t.Errorf("%s: sees %04X in the night", at, seen)
	case !off && seen[0]&1 == 0:
		t.Errorf("%s: is dark", at)
	case s.Light.Off != off || (s.Light.Window != "") != dim:
		t.Errorf("%s: %+v", at, s.Light)
	}
	for x := at.Add(time.Second); x.Before(at.Add(56 * time.Second)); x = x.Add(d.hour / 720) {
		time.Sleep(time.Until(x))
		d.board.Light.SetLux(daylight(d.is()))
	}
	time.Sleep(time.Until(at.Add(59 * time.Second)))
	d.shines(t)
	s, _ = d.service.Watch()
	most := clock.Level(255)
	if dim {
		most = 20
	}
	if lux := d.board.Light.Lux(); !suits(s.Settings, lux, s.Light.Group, most) || s.Light.Individual != clock.MinLevel {
		t.Errorf("%s: %+v in %.1f lx", at, s.Light, lux)
	}
}
