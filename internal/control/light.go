package control

import "wordclockd/internal/clock"

// Brightness is how bright the face is to be, and why.
type Brightness struct {
	Off        bool   `json:"off"`
	Individual int    `json:"individual"` // in force, of a lit LED
	Group      int    `json:"group"`      // of the whole face
	Window     string `json:"window"`     // of the night, that rules; "" is none
	Why        struct {
		Off        *Reason `json:"off"` // null: it is not off
		Individual Reason  `json:"individual"`
		Group      Reason  `json:"group"`
	} `json:"why"`
}

// Reason is why something is as bright as it is.
type Reason struct {
	By    string `json:"by"` // setting, manual, knob, light_sensor or night
	Text  string `json:"text"`
	Until string `json:"until,omitempty"` // when that ends by itself
}

func newBrightness(l clock.Light) Brightness {
	w := Brightness{Off: l.Off, Individual: int(l.Individual), Group: int(l.Group), Window: l.Window}
	w.Why.Individual, w.Why.Group = newReason(l.WhyIndividual), newReason(l.WhyGroup)
	if l.Off {
		w.Why.Off = new(newReason(l.WhyOff))
	}
	return w
}

func newReason(r clock.Reason) Reason { return Reason{r.By.String(), r.Text, stamp(r.Until)} }

// Validation is the last read-back of the LEDs, and what those of 24 hours came to.
type Validation struct {
	At             string          `json:"at,omitempty"` // "" if the clock did not know it
	TookMS         float64         `json:"took_ms"`
	Periodic       bool            `json:"periodic"`
	Failure        string          `json:"failure"` // NONE, HARDWARE_FAULT, …
	Mismatches     int             `json:"mismatches"`
	SoftwareErrors int             `json:"software_errors"`
	ReadFailures   int             `json:"read_failures"`
	Repaired       bool            `json:"repaired"`
	Recovered      bool            `json:"recovered"`
	Day            ValidationStats `json:"last_24h"`
}

// ValidationStats counts read-backs.
type ValidationStats struct {
	Total       uint32            `json:"total"`
	Failed      uint32            `json:"failed"`
	Consecutive uint32            `json:"consecutive"`
	Health      int               `json:"health_score"` // 0 to 100
	Attempts    uint32            `json:"recovery_attempts"`
	Recoveries  uint32            `json:"recovery_successes"`
	By          map[string]uint32 `json:"failures_by_type"` // those that there were
}

// newValidation returns nil if there was none.
func newValidation(v *clock.Validation) *Validation {
	if v == nil {
		return nil
	}
	s := v.Stats
	w := &Validation{
		stamp(v.At), ms(v.Took), v.Periodic, v.Failure.String(), v.Mismatches, v.SoftwareErrors, v.ReadFailures, v.Repaired, v.Recovered,
		ValidationStats{s.Total, s.Failed, s.Consecutive, s.Health, s.Attempts, s.Recoveries, map[string]uint32{}},
	}
	for i, n := range s.By {
		if n > 0 {
			w.Day.By[clock.FailureType(i).String()] = n
		}
	}
	return w
}
