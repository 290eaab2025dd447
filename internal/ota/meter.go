package ota

import (
	"time"

	"wordclockd/internal/clock"
)

// A meter measures what comes over the network.
type meter struct {
	state   State
	source  string
	fetched int64
	marks   []mark // of the last rateTime, the oldest first
}

// A mark is how much had come at a time.
type mark struct {
	at      time.Time
	fetched int64
}

// rateTime is what a rate is taken over; rateStep lies between two marks at
// least.
const (
	rateTime = 5 * time.Second
	rateStep = 500 * time.Millisecond
)

func (m *meter) count(n int) { m.fetched += int64(n) }

// rate returns the bytes per second of late; 0 if no time went by.
func (m *meter) rate() float64 {
	now := time.Now()
	if n := len(m.marks); n == 0 || now.Sub(m.marks[n-1].at) >= rateStep {
		m.marks = append(m.marks, mark{now, m.fetched})
	}
	for len(m.marks) > 1 && now.Sub(m.marks[1].at) >= rateTime {
		m.marks = m.marks[1:]
	}
	first := m.marks[0]
	d := now.Sub(first.at).Seconds()
	if d == 0 {
		return 0
	}
	return float64(m.fetched-first.fetched) / d
}

// answered notes how long s took to answer.
func (s *standing) answered(d time.Duration) {
	ms := float64(d.Microseconds()) / 1000
	if s.LatencyMS == 0 || ms < s.LatencyMS {
		s.LatencyMS = ms
	}
}

// served notes how long s was busy with an answer.
func (s *standing) served() {
	s.busy, s.since = s.serving(), time.Time{}
}

// serving is how long s was busy until now.
func (s *standing) serving() time.Duration {
	if s.since.IsZero() {
		return s.busy
	}
	return s.busy + time.Since(s.since)
}

// shown returns what s did until now.
func (s *standing) shown() clock.Served {
	if d := s.serving(); d > 0 {
		s.MBps = float64(s.Bytes) / 1e6 / d.Seconds()
	}
	return s.Served
}

// show tells how far the job is.
func (f *filling) show() {
	served := make(map[string]clock.Served, len(f.all))
	for _, s := range f.all {
		served[s.name] = s.shown()
	}
	f.tell(gauge{f.meter.state, f.meter.source, f.slot.off, f.meter.fetched, f.meter.rate(), served})
}
