package clock

import "time"

// Update is what is known of firmware elsewhere, and of bringing it here.
type Update struct {
	Stored   *Source // that is preferred, read back; nil if nobody chose, or nothing can be stored
	Checking bool
	Last     *Check    // the last look at the sources, of an earlier start too, but none that was forced or of one alone; nil is none
	Next     time.Time // when the clock looks by itself; zero is never
	Present  *Attempt  // the update that is under way; nil is none
	History  []Attempt // those that are over, the newest last; HistorySize at most
}

// Latest returns the newest update of a history that came to something, else the newest
// of all; nil if there is none.
func Latest(history []Attempt) *Attempt {
	var newest *Attempt
	for i := range history {
		if a := &history[i]; newest == nil || a.Result != UpToDate || newest.Result == UpToDate {
			newest = a
		}
	}
	return newest
}

// HistorySize is how many updates are remembered.
const HistorySize = 16

// An Attempt is one update, from its start to the verdict on what it installed.
// Its JSON is a contract. Times are UTC.
type Attempt struct {
	Number  uint32 `json:"number"` // of all that were ever begun, from 1
	State   string `json:"state"`  // idle checking downloading verifying flashing complete failed
	Result  Result `json:"result"` // "" while it is under way
	From    string `json:"from"`   // the version that ran
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the image
	Digest  string `json:"digest"` // at the end of the image: what a slot is recognised by
	Slot    string `json:"slot"`
	Source  string `json:"source"` // that serves, or served last; "file" for a file
	Forced  bool   `json:"forced"`
	Auto    bool   `json:"auto"` // nobody asked for it

	Bytes      int64   `json:"bytes"`       // of the image that are in the slot
	Size       int64   `json:"size_bytes"`  // of the image
	Fetched    int64   `json:"fetched"`     // bytes of the image that came over the network
	Rate       float64 `json:"rate_bps"`    // bytes per second, of late
	RemainingS float64 `json:"remaining_s"` // 0 if it is not known

	Error    string            `json:"error"`   // the firmware's text; "" if nothing is wrong
	Cause    string            `json:"cause"`   // of the failure that decided
	Reason   string            `json:"reason"`  // for people: why it came to Result
	Causes   map[string]string `json:"causes"`  // by source: the cause of what went wrong with it last; the text is in Sources
	Sources  map[string]Served `json:"sources"` // by source: what it did
	Warnings []string          `json:"warnings"`

	Begun time.Time `json:"begun"`
	Ended time.Time `json:"ended,omitzero"` // when there was a Result first
	Steps []Step    `json:"steps"`          // the last StepsSize
}

// StepsSize is how many steps of an update are remembered.
const StepsSize = 32

// A Step is something in the course of an update that must not be missed: a change
// of its state, of its source, or another twentieth of the image.
type Step struct {
	Number  int       `json:"number"` // from 1, of this update
	State   string    `json:"state"`
	Source  string    `json:"source"`
	Percent int       `json:"percent"`
	Bytes   int64     `json:"bytes"`
	At      time.Time `json:"at"`
}

// Served is what a source did in the course of an update.
type Served struct {
	Requests  int     `json:"requests"`
	Bytes     int64   `json:"bytes"`      // of the image
	LatencyMS float64 `json:"latency_ms"` // from a request to its answer, the least that was seen; 0 if there was none
	MBps      float64 `json:"mb_s"`       // 10^6 bytes per second while it served
	Blamed    bool    `json:"blamed"`     // it delivered wrong bytes
	Error     string  `json:"error"`      // what went wrong last; "" if nothing did
}

// A Result is what an update came to.
type Result string

const (
	Underway    Result = ""
	Installed   Result = "installed" // it is started next, or is on trial
	Confirmed   Result = "confirmed"
	RolledBack  Result = "rolled_back"
	Failed      Result = "failed"
	UpToDate    Result = "up_to_date"
	Interrupted Result = "interrupted" // the clock ended meanwhile; another update goes on where it was
)
