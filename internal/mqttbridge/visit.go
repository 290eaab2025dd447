package mqttbridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"wordclockd/internal/task"
)

// A visit is what the clock does with one connection.
type visit struct {
	*life
	s      *session
	desk   *desk
	states *publisher

	echo   chan []string  // paths of states to be published again
	anew   chan []message // announce everything, now, and say this then
	births chan struct{}  // Home Assistant has started
	jobs   chan job       // to be done in order
	slow   chan struct{}  // one for each slow job that is under way

	// Of the task that reads.
	waiting []chan<- error // probes, until it comes back
	flooded time.Time      // what was missed was logged then
}

const (
	maxJobs = 64
	maxSlow = 4
)

func newVisit(l *life, s *session) *visit {
	return &visit{
		life: l, s: s,
		desk: newDesk(l.names, l.c.Service, l.c.Log, l.limits), states: newPublisher(l.teller),
		echo: make(chan []string), anew: make(chan []message), births: make(chan struct{}, 1),
		jobs: make(chan job, maxJobs), slow: make(chan struct{}, maxSlow),
	}
}

// run returns when the connection ends, with the reason, or ctx does.
func (v *visit) run(ctx context.Context) error {
	g, _ := task.NewGroup(ctx)
	g.Go("connection", v.watch)
	g.Go("announce", func(ctx context.Context) error {
		if err := v.announce(ctx); err != nil {
			return err
		}
		g.Go("states", v.publish)
		g.Go("inbox", func(ctx context.Context) error { return v.read(ctx, g) })
		g.Go("jobs", v.work)
		return nil
	})
	err := g.Wait()
	v.flood(time.Now(), true)
	select {
	case <-v.s.gone:
		return v.s.err // whatever a task has made of it
	default:
	}
	if _, ok := errors.AsType[*task.Panic](err); ok {
		return err
	}
	return errors.Unwrap(err) // without the name of the task
}

// watch returns when the connection has ended, or has to.
func (v *visit) watch(ctx context.Context) error {
	calm := time.NewTimer(twinGone)
	defer calm.Stop()
	for {
		select {
		case <-v.s.gone:
			return v.s.err
		case <-v.c.Cut:
			return errCut
		case <-calm.C:
			v.link.calm()
		case <-ctx.Done():
			return nil
		}
	}
}

// publish publishes what changes.
func (v *visit) publish(ctx context.Context) error {
	var birth <-chan time.Time
	for {
		status, changed := v.c.Service.Watch()
		told := *v.teller
		out, wait := v.states.next(v.view(status))
		if err := v.s.publish(ctx, out...); err != nil {
			*v.teller = told // nobody has acknowledged it: it is told on the next connection
			return err
		}
		next := time.NewTimer(wait)
		select {
		case <-changed:
		case <-next.C:
		case paths := <-v.echo:
			v.states.again(paths...)
		case <-v.births:
			if birth == nil {
				birth = time.After(rand.N(birthSpread))
			}
		case <-birth:
			birth = nil
			if err := v.everything(ctx); err != nil {
				return err
			}
		case last := <-v.anew:
			if err := v.renew(ctx, last); err != nil {
				return err
			}
		case <-ctx.Done():
			next.Stop()
			return nil
		}
		next.Stop()
	}
}

// birthSpread is within which time clocks announce themselves to a Home Assistant that
// has started, so that they do not come all at once.
const birthSpread = 5 * time.Second
