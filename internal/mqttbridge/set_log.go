package mqttbridge

import (
	"context"
	"fmt"

	"wordclockd/internal/clock"
)

var queryKeys = []key{
	{name: "count", takes: "integer, 1 to 50", doc: "how many entries; 10 by default, and 50 for more"},
	{name: "offset", takes: "integer, from 0", doc: "how many of the newest to leave out; none by default"},
}

// queryLog publishes entries of the error journal.
func queryLog(d *desk, _ context.Context, r *request) done {
	if _, err := edits(r.object, queryKeys); err != nil {
		return done{err: err}
	}
	count, err := number(r.object, "count", 1, 10)
	if err != nil {
		return done{err: err}
	}
	offset, err := number(r.object, "offset", 0, 0)
	if err != nil {
		return done{err: err}
	}
	x := done{}
	if count > clock.JournalSize {
		count = clock.JournalSize
		x.note = fmt.Sprintf("count: limited to %d, which is all that is kept", count)
	}
	status, _ := d.service.Watch()
	x.more = []message{{topic: d.base + "/" + logResponse, payload: logPayload(status.Journal, count, offset), qos: 1}}
	return x
}

// number returns the whole number of a key, from least on.
func number(o object, name string, least, otherwise int) (int, error) {
	v, ok := o[name]
	if !ok {
		return otherwise, nil
	}
	n, whole := wholeNumber(v)
	if !whole || n < least {
		return 0, wants(name, v, fmt.Sprintf("an integer from %d on", least))
	}
	return n, nil
}

var clearWords = map[string]string{"clear": "entries", "reset_stats": "stats"}

// clearLog empties the error journal, or sets its counters to zero.
func clearLog(d *desk, ctx context.Context, r *request) done {
	_, err := d.service.Do(ctx, clock.Command{Name: clock.ClearJournal, Args: map[string]string{"what": r.object["what"].(string)}})
	return errand{echo: []string{logStats}}.finished(err)
}
