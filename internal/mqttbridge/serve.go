package mqttbridge

import (
	"context"
	"errors"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/task"
)

// A life is one run of a bridge: what outlasts its connections.
type life struct {
	*Bridge
	names
	link    link
	retry   retry
	limits  *limits
	settled bool            // the old clock was looked for
	ignored map[string]bool // topics of retained commands that were logged
}

// run connects again and again until ctx is done.
func (l *life) run(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		pause, err := l.connect(ctx, began)
		if p, ok := errors.AsType[*task.Panic](err); ok {
			return p
		}
		task.Sleep(ctx, pause)
	}
	return nil
}

// connect has one connection, or none. It returns how long to wait before the next.
func (l *life) connect(ctx context.Context, began time.Time) (pause time.Duration, err error) {
	l.link.trying()
	s, err := l.open(ctx)
	switch {
	case ctx.Err() != nil && err != nil:
		return 0, nil
	case err != nil:
		l.link.failed(err)
		return l.retry.pause(time.Since(began)), nil
	}
	err = l.serve(ctx, s)
	switch {
	case err == nil, errors.Is(err, errAdopted):
		return 0, nil
	case ctx.Err() != nil:
		return 0, err
	}
	l.link.lost(s.since, err)
	if l.link.twin.seen {
		return l.retry.longest, err
	}
	return l.retry.pause(0), err
}

func (l *life) open(ctx context.Context) (*session, error) {
	if l.isCut() {
		return nil, errCut
	}
	to := letter{id: l.id, will: l.availability("offline")}
	if m := l.c.MQTT; m.URL != config.Embedded && m.Username != "" {
		password, err := m.Secret()
		if err != nil {
			return nil, &fileError{"mqtt.password_file", err}
		}
		to.username, to.password = m.Username, password
	}
	return open(ctx, l.dial, to)
}

func (l *life) isCut() bool {
	select {
	case <-l.c.Cut:
		return true
	default:
		return false
	}
}

// availability returns a message that says whether the clock is there.
func (n names) availability(state string) message {
	return message{topic: n.base + "/availability", payload: []byte(state), qos: 1, retain: true}
}

// serve speaks with the broker until the connection ends, or ctx does, which is no error.
// The clock's last word is that it is offline; if it cannot be said, the broker says it.
func (l *life) serve(ctx context.Context, s *session) error {
	defer context.AfterFunc(ctx, func() { s.conn.expire(time.Now().Add(offlineLimit)) })()
	v := newVisit(l, s)
	err := v.run(ctx)
	switch {
	case ctx.Err() != nil:
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), offlineLimit)
		defer cancel()
		if s.publish(last, append(v.farewell(), l.availability("offline"))...) != nil {
			s.drop()
			return nil
		}
		s.leave()
	case errors.Is(err, errAdopted):
		s.leave()
	default:
		s.drop()
	}
	return err
}

// farewell is what is left to say, of a clock that had come to say anything: a restart may
// follow at once upon what led to it.
func (v *visit) farewell() []message {
	if v.c.Link.Get().State != clock.LinkUp {
		return nil
	}
	return v.states.rest(v.now())
}
