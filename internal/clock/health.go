package clock

import "time"

// Health is how the clock found itself when it was examined last. Its JSON is a
// contract. Times are UTC.
type Health struct {
	Healthy bool          `json:"healthy"` // no check failed, but for what was so before an update
	Text    string        `json:"text"`    // what is wrong, in one line; "" if nothing is
	At      time.Time     `json:"at,omitzero"`
	Checks  []HealthCheck `json:"checks"` // in the order of their needs; none before the first examination
	Trial   *Trial        `json:"trial"`  // nil if the image is not on trial
}

// A HealthCheck is what one check came to.
type HealthCheck struct {
	Name   string     `json:"name"` // network mqtt rtc leds memory settings
	State  CheckState `json:"state"`
	Text   string     `json:"text"` // what was found
	TookMS float64    `json:"took_ms"`
}

// A CheckState is what a check came to.
type CheckState string

const (
	Passed   CheckState = "ok"
	Failing  CheckState = "failed"
	KnownBad CheckState = "known_bad" // failed, as it did before the update
	Waiting  CheckState = "waiting"   // failed, but has not had its time yet
	Skipped  CheckState = "skipped"   // it needs another one, which failed
	Absent   CheckState = "absent"    // there is nothing to check
)

// A Trial is how far the judgement of an image has come.
type Trial struct {
	Attempt  int       `json:"attempt"` // examinations so far
	Attempts int       `json:"attempts"`
	Next     time.Time `json:"next,omitzero"` // the next examination
}
