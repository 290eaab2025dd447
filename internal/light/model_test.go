package light

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/proof"
)

// A sample is what was measured at a moment, and what was a move by the settings then.
type sample struct {
	at    time.Time
	reads bool
	x     float64
	moved func(from float64) bool
}

// A mark is that something is set by hand, as seen from outside, and all that was
// measured since.
type mark struct {
	on      bool
	level   clock.Level
	since   time.Time
	samples []sample
}

// note adds what is measured, and begins anew when something else is set.
func (m *mark) note(on bool, level clock.Level, s sample) {
	if !on || !m.on || level != m.level {
		*m = mark{on: on, level: level, since: s.at}
	}
	if m.on {
		m.samples = append(m.samples, s)
	}
}

// over reports whether it has had its time: what measures has moved from where it first
// was, and stayed so up to now for as long as it has to; or the longest time has passed.
func (m *mark) over(now time.Time, longest, lasts time.Duration) bool {
	if !m.on {
		return false
	}
	first, away := math.NaN(), time.Time{}
	for _, s := range m.samples {
		if s.reads && math.IsNaN(first) {
			first = s.x
		}
		switch {
		case !s.reads || !s.moved(first):
			away = time.Time{}
		case away.IsZero():
			away = s.at
		}
		if !away.IsZero() && s.at.Sub(away) >= lasts {
			return true
		}
	}
	return longest > 0 && now.Sub(m.since) >= longest
}

// A model holds the rule against a mixer whose room has a random life.
type model struct {
	*room
	r                 *rand.Rand
	individual, group mark
	did               string
}

// TestRandomLife: whatever happens, levels keep to their limits, off is off, what is set
// by hand holds for exactly as long as the rule says, else what measures is followed, and
// nothing changes before the mixer wants to be asked again.
func TestRandomLife(t *testing.T) {
	begin, steps := time.Now(), 300
	seeds := proof.Seeds(t, 40)
	for _, seed := range seeds {
		m := &model{room: newRoom(t), r: rand.New(rand.NewPCG(seed, 7))}
		for i := range steps {
			m.did = m.happen()
			m.look()
			if t.Failed() {
				t.Fatalf("seed %d, step %d: %s", seed, i, m.did)
			}
		}
	}
	proof.Row(t, begin, "brightness: random lives of knob, light, hand and night against a plain model", fmt.Sprintf("%d lives of %d events", len(seeds), steps))
}

// happen has something happen, and returns what.
func (m *model) happen() string {
	s, sensors := &m.in.Settings, &m.in.Sensors
	sensors.At = m.in.Now
	what := ""
	switch m.r.IntN(16) {
	case 0, 1:
		sensors.KnobMV = min(max(sensors.KnobMV+int(m.r.NormFloat64()*60), 0), 3300)
	case 2:
		sensors.KnobMV = m.r.IntN(3301)
	case 3, 4:
		sensors.Lux *= math.Exp(m.r.NormFloat64() / 5)
	case 5:
		sensors.Lux = math.Pow(10, 5*m.r.Float64()) - 1
	case 6:
		sensors.KnobErr = [...]string{"", "", "lost"}[m.r.IntN(3)]
		sensors.LightErr = [...]string{"", "", "lost"}[m.r.IntN(3)]
	case 7:
		what = fmt.Sprint("brightness.individual=", 5+m.r.IntN(int(s.SafetyLimit)-4))
	case 8:
		what = fmt.Sprint("brightness.global=", 5+m.r.IntN(251))
	case 9:
		what = fmt.Sprintf("brightness.individual_manual=%t, brightness.global_manual=%t", m.r.IntN(2) == 0, m.r.IntN(2) == 0)
	case 10:
		what = fmt.Sprint("brightness.manual_minutes=", m.r.IntN(3)*m.r.IntN(90))
	case 11:
		randomCurves(m.r, s, true)
	case 12:
		what = fmt.Sprintf("display.on=%t", m.r.IntN(3) > 0)
	case 13:
		what = "night.windows=" + [...]string{"", "11:00-18:00 dim 40", "12:00-13:00 off; 12:30-14:00 dim 9", "23:00-03:30 off; mon-wed 22:00-06:00 dim 20"}[m.r.IntN(4)]
	case 14:
		what = fmt.Sprintf("night.paused=%t", m.r.IntN(2) == 0)
	case 15:
		if m.in.Local.IsZero() {
			m.in.Local = m.in.Now.In(vienna(m.t)).Add(time.Duration(m.r.IntN(86400)) * time.Second)
		} else if m.r.IntN(4) == 0 {
			m.in.Local = time.Time{}
		}
	}
	if what != "" {
		m.set(what)
	}
	return fmt.Sprintf("%s; %+v", what, *sensors)
}

// look mixes, judges, and lets time pass.
func (m *model) look() {
	m.judge()
	m.judge() // what was taken back is
	for wait := time.Duration(m.r.ExpFloat64() * float64([...]time.Duration{time.Second, time.Minute, time.Hour}[m.r.IntN(3)])); wait > 0; {
		before, pass := m.light, wait
		if !m.next.IsZero() && m.next.Sub(m.in.Now) <= pass {
			pass = m.next.Sub(m.in.Now) - 1 // there has to be a cause for a change
		}
		m.pass(pass)
		m.judge()
		if m.light != before {
			m.t.Errorf("%+v: became %+v for no cause", before, m.light)
			return
		}
		if wait -= pass; !m.next.IsZero() && m.next.Sub(m.in.Now) == 1 {
			wait--
			m.pass(1)
			m.judge()
			m.judge()
		}
	}
}

func (m *model) pass(d time.Duration) {
	m.in.Now = m.in.Now.Add(d)
	if !m.in.Local.IsZero() {
		m.in.Local = m.in.Local.Add(d)
	}
}

// judge mixes, and holds the outcome against the rule.
func (m *model) judge() {
	in := m.in
	s := in.Settings
	knob := sample{in.Now, in.Sensors.KnobErr == "", float64(in.Sensors.KnobMV), func(from float64) bool {
		return math.Abs(float64(in.Sensors.KnobMV)-from) > 66
	}}
	lux := sample{in.Now, in.Sensors.LightErr == "", in.Sensors.Lux, func(from float64) bool {
		was, is := int(Group(s.Zones, s.Thresholds, from)), int(Group(s.Zones, s.Thresholds, in.Sensors.Lux))
		return max(was-is, is-was) > 10 && 5*max(was-is, is-was) > was
	}}
	m.individual.note(s.Manual.Individual, s.Individual, knob)
	m.group.note(s.Manual.Global, s.Global, lux)
	want := Release{Individual: m.individual.over(in.Now, s.Manual.For, 0), Global: m.group.over(in.Now, s.Manual.For, 3*time.Second)}
	off, most := byTheClock(in)
	want.Paused = s.Night.Paused && !in.Local.IsZero() && !off && most == 255
	if off = off && !s.Night.Paused; off || s.Night.Paused {
		most = 255 // off is off
	}
	m.asked = Release{}
	l, release, next := m.mixer.Mix(in)
	if release != want {
		m.t.Errorf("takes back %+v, want %+v", release, want)
	}
	m.limits(l, s, off || s.Off, most)
	switch {
	case s.Manual.Individual && !want.Individual:
		if l.Individual != s.Individual {
			m.t.Errorf("individual %d, set by hand to %d", l.Individual, s.Individual)
		}
	case knob.reads:
		if asks := Individual(s.Knob, s.SafetyLimit, in.Sensors.KnobMV); math.Abs(float64(asks)-float64(l.Individual)) > 1 {
			m.t.Errorf("individual %d, the knob asks for %d", l.Individual, asks)
		}
	}
	switch {
	case s.Manual.Global && !want.Global:
		if l.Group != min(s.Global, most) {
			m.t.Errorf("group %d, set by hand to %d, %d at most", l.Group, s.Global, most)
		}
	case lux.reads:
		low, high := Group(s.Zones, s.Thresholds, (lux.x-0.1)/1.1), Group(s.Zones, s.Thresholds, (lux.x+0.1)/0.9)
		if l.Group < min(low, most) || l.Group > min(high, most) {
			m.t.Errorf("group %d, want %d to %d, %d at most", l.Group, low, high, most)
		}
	}
	m.light, m.next = l, next
	s.Manual.Individual = s.Manual.Individual && !release.Individual
	s.Manual.Global = s.Manual.Global && !release.Global
	s.Night.Paused = s.Night.Paused && !release.Paused
	m.in.Settings = s
}

// limits holds what holds always.
func (m *model) limits(l clock.Light, s clock.Settings, off bool, most clock.Level) {
	if l.Individual < clock.MinLevel || l.Individual > s.SafetyLimit || l.Group < clock.MinLevel || l.Group > most {
		m.t.Errorf("%d x %d, the safety limit is %d, the group's %d", l.Individual, l.Group, s.SafetyLimit, most)
	}
	if l.Off != off || l.Off != (l.WhyOff != clock.Reason{}) {
		m.t.Errorf("off is %t (%+v), want %t", l.Off, l.WhyOff, off)
	}
}

// byTheClock says what the windows say to who looks at a clock on the wall.
func byTheClock(in Input) (off bool, most clock.Level) {
	most = 255
	windows, _ := clock.ParseWindows(in.Settings.Night.Windows)
	for _, w := range windows {
		switch {
		case in.Local.IsZero() || !byTheWall(w, in.Local):
		case w.Off:
			off = true
		default:
			most = min(most, w.Most)
		}
	}
	return off, most
}
