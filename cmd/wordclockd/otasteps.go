package main

import "wordclockd/internal/clock"

// A stepLine is a step of an update for scripts.
type stepLine struct {
	Number    int     `json:"number"`
	State     string  `json:"state"`
	Source    string  `json:"source"`
	Percent   int     `json:"percent"`
	Bytes     int64   `json:"bytes"`
	Size      int64   `json:"size_bytes"`
	Rate      float64 `json:"rate_bps"`
	Remaining float64 `json:"remaining_s"`
}

// steps prints each step of an update once, however often it is shown.
type steps struct {
	print func(stepLine) error
	last  int // number of the last one
}

func (s *steps) see(a clock.Attempt, _ *clock.Trial) error {
	for _, x := range s.fresh(a) {
		if err := s.print(stepLine{x.Number, x.State, x.Source, x.Percent, x.Bytes, a.Size, a.Rate, a.RemainingS}); err != nil {
			return err
		}
	}
	return nil
}

// fresh returns the steps that were not shown before.
func (s *steps) fresh(a clock.Attempt) (fresh []clock.Step) {
	for _, x := range a.Steps {
		if x.Number > s.last {
			fresh, s.last = append(fresh, x), x.Number
		}
	}
	return fresh
}
