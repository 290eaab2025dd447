package mqttbridge

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"wordclockd/internal/clock"
)

// A request is what a message asks for.
type request struct {
	name   string          // of the command, or path of the topic
	id     json.RawMessage // as the asker gave it; nil if there is none
	object object          // what it says; of a command, its parameters

	// Of a command.
	isJSON  bool
	command *command
	args    map[string]string // of its clock.Command
}

// A result is what topic result says of a request. Its JSON is a contract.
type result struct {
	ID      json.RawMessage `json:"id"`
	Command string          `json:"command"`
	OK      bool            `json:"ok"`
	Error   string          `json:"error"`
	Note    string          `json:"note,omitempty"`
	Answer  any             `json:"answer,omitempty"`
}

// done is what a request came to.
type done struct {
	tokens []string // for topic status, in this order
	echo   []string // paths of the states that it is about
	note   string   // what was made of it, if not quite what was asked for
	answer any
	more   []message // that it asked for
	last   bool      // it is said after everything was announced anew
	err    error
}

// tokens are what topic status says of a request: the words of the old clock.
type tokens struct {
	begin   string   // before it is carried out; "" is nothing
	done    []string // when it was
	failed  []string // else: the one that is the code of the error, or the first
	invalid string   // if what was asked for makes no sense
}

// failure returns the token for an error.
func (t tokens) failure(err error) []string {
	if _, ok := errors.AsType[*clock.InvalidError](err); ok && t.invalid != "" {
		return []string{t.invalid}
	}
	if u, ok := errors.AsType[*clock.UnavailableError](err); ok && slices.Contains(t.failed, u.Code) {
		return []string{u.Code}
	}
	return slices.Clone(t.failed[:min(1, len(t.failed))])
}

// all returns every token there is.
func (t tokens) all() []string {
	list := slices.Concat([]string{t.begin}, t.done, t.failed, []string{t.invalid})
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

const (
	statusPath = "status"
	resultPath = "result"
	eventsPath = "events"
)

// status returns a message on topic status.
func (n names) status(token string) message {
	return message{topic: n.base + "/" + statusPath, payload: []byte(token), qos: 1}
}

// result returns what is said of a request.
func (n names) result(r *request, x done) message {
	w := result{ID: r.id, Command: r.name, OK: x.err == nil, Note: x.note, Answer: x.answer}
	if x.err != nil {
		w.Error = bounded(x.err.Error(), maxError)
	}
	return message{topic: n.base + "/" + resultPath, payload: compact(w), qos: 1}
}

// maxError bounds what is quoted of a payload.
const maxError = 512

// bounded returns a text of one line, and of n bytes at most.
func bounded(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\n", "; "), "?")
	if len(s) <= n {
		return s
	}
	for n -= len("…"); n > 0 && !utf8.RuneStart(s[n]); n-- {
	}
	return s[:n] + "…"
}

// answer returns what is published of what a request came to, and logs it.
func (d *desk) answer(r *request, x done) outcome {
	var o outcome
	for _, t := range x.tokens {
		o.say = append(o.say, d.status(t))
	}
	o.say = append(append(o.say, x.more...), d.result(r, x))
	o.echo = x.echo
	if x.last {
		o.say, o.last = nil, o.say
	}
	said := "ok"
	if x.err != nil {
		said = bounded(x.err.Error(), maxError)
	}
	d.log.Info("command taken", "event", "mqtt_command", "name", printable(r.name), "outcome", said)
	return o
}
