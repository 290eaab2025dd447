package mqttbridge

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"wordclockd/internal/clock"
)

// A teller tells what happened from one view to the next. It belongs to the goroutine
// that publishes, and outlives its connections: what happens without one is told with
// the next, of each kind the newest.
type teller struct {
	rolledBack bool // a rollback is to be told
	trial      bool
	over       uint32 // number of the newest update that came to something
	check      *clock.Check
	offer      string
	written    uint32 // entries of the journal
	validated  *clock.Validation
	judged     judgement
}

// newTeller returns a teller. What was so when the firmware started is no news, but for
// a rollback that this start was told of.
func newTeller(s clock.Status) *teller {
	t := &teller{rolledBack: true}
	t.note(s)
	return t
}

// An event is the payload of topic events.
type event struct {
	Type   string `json:"event_type"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text,omitempty"`
}

// news returns what has happened since it was asked last.
func (t *teller) news(v view) (out []message) {
	for _, tell := range [...]func(view) []message{t.rollback, t.verdict, t.update, t.look, t.surge, t.validation} {
		out = append(out, tell(v)...)
	}
	t.note(v.Status)
	return out
}

// note takes a status for told.
func (t *teller) note(s clock.Status) {
	t.trial = s.Image.State == clock.OnTrial
	t.over = max(t.over, lastOver(s.Update).number())
	t.check, t.written, t.validated = s.Update.Last, s.Journal.Stats.Written, s.Validation
	if c := s.Update.Last; c != nil && c.Error == "" {
		t.offer = offered(c)
	}
}

func (n names) event(e event) message {
	return message{topic: n.base + "/" + eventsPath, payload: compact(e), qos: 1}
}

// rollback tells once that an image was given up before this start.
func (t *teller) rollback(v view) []message {
	r := v.Image.Rollback
	if r == nil || !r.News || !t.rolledBack {
		return nil
	}
	t.rolledBack = false
	token := compact(struct {
		Event  string `json:"event"`
		From   string `json:"from"`
		To     string `json:"to"`
		Reason string `json:"reason"`
	}{"ota_rolled_back", r.From, r.To, r.Reason})
	return []message{v.status(string(token)), v.event(event{"ota_rolled_back", r.From, r.To, r.Reason, bounded(r.Text, maxText)})}
}

// verdict tells that the image was confirmed.
func (t *teller) verdict(v view) []message {
	if !t.trial || v.Image.State != clock.Validated {
		return nil
	}
	return []message{v.status("ota_validated"), v.event(event{Type: "ota_validated", To: v.Version})}
}

// An ended update has come to something, if only that the slot was switched.
type ended struct{ *clock.Attempt }

func (e ended) number() uint32 {
	if e.Attempt == nil {
		return 0
	}
	return e.Number
}

// lastOver returns the newest update that has come to something.
func lastOver(u clock.Update) (e ended) {
	attempts(u, func(a *clock.Attempt) {
		if a.Result != clock.Underway || a.State == "complete" || a.State == "failed" {
			e = ended{a}
		}
	})
	return e
}

// update tells what an update came to.
func (t *teller) update(v view) []message {
	a := lastOver(v.Update)
	switch {
	case a.number() <= t.over || a.Cause == "cancelled": // who cancels it is answered
		return nil
	case a.State == "complete":
		return []message{v.status("ota_complete"), v.event(event{Type: "ota_complete", From: a.From, To: a.Version})}
	case a.State == "failed":
		token := compact(struct {
			Event  string `json:"event"`
			Error  string `json:"error"`
			Cause  string `json:"cause"`
			Source string `json:"source"`
		}{"ota_update_failed", a.Error, a.Cause, failedSource(a.Attempt)})
		return []message{v.status(string(token)), v.event(event{"ota_failed", a.From, a.Version, a.Cause, bounded(cmp.Or(a.Reason, a.Error), maxText)})}
	case a.Result == clock.UpToDate:
		return []message{v.status("ota_up_to_date")}
	}
	return nil
}

// failedSource names the source that an update failed with, or all that it asked in vain.
func failedSource(a *clock.Attempt) string {
	return cmp.Or(a.Source, strings.Join(slices.Sorted(maps.Keys(a.Causes)), ", "))
}

// look tells what a look at the sources came to, if that is news.
func (t *teller) look(v view) []message {
	c := v.Update.Last
	switch {
	case c == nil || t.check != nil && !c.At.After(t.check.At):
		return nil
	case c.Error != "":
		return []message{v.status("ota_check_failed")}
	case c.UpdateAvailable && offered(c) != t.offer:
		return []message{v.event(event{Type: "ota_update_available", From: c.CurrentVersion, To: c.AvailableVersion, Text: bounded(release(c).Description, maxText)})}
	}
	return nil
}

// offered is what a look found; "" if that is nothing newer.
func offered(c *clock.Check) string {
	if !c.UpdateAvailable {
		return ""
	}
	return c.AvailableVersion
}

// surge tells that the LED drivers lost their power, and were set up again.
func (t *teller) surge(v view) []message {
	for _, e := range slices.Backward(v.Journal.Entries) {
		if e.Number >= t.written && e.Event == "leds_reset" {
			return []message{
				v.status("tlc_auto_recovery_start"), v.status(recovery(v)),
				v.event(event{Type: "surge", Text: bounded(e.Message, maxText)}),
			}
		}
	}
	return nil
}

// recovery is what a surge came to.
func recovery(v view) string {
	if len(v.Face.Dark) > 0 {
		return "tlc_auto_recovery_partial"
	}
	return "tlc_auto_recovery_success"
}
