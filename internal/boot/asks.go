package boot

import (
	"context"
	"errors"
	"fmt"
)

// A request is what an image asks.
type request struct {
	do     func(s *Store, running int) error
	reject *Reset // that it be given up
	err    chan error
}

// answer does what an image asks.
func (l *Loader) answer(r request, in Info, stop context.CancelCauseFunc, e *end) error {
	var err error
	if r.reject != nil {
		if err = l.Store.Reject(in.Slot, r.reject.Reason); err == nil {
			e.Reset, e.rejected = *r.reject, true
			stop(&Restart{r.reject.Reason})
		}
	} else {
		err = r.do(l.Store, in.Slot)
	}
	if v, unread := l.Store.Look(); unread == nil {
		l.show(v)
	}
	return err
}

// asking implements Asks for one start.
type asking struct {
	alive    chan struct{}
	requests chan request
	gone     chan struct{} // closed when the start is over
}

func (a *asking) Alive() {
	select {
	case a.alive <- struct{}{}:
	default:
	}
}

func (a *asking) ask(r request) error {
	r.err = make(chan error, 1)
	select {
	case a.requests <- r:
		return <-r.err
	case <-a.gone:
		return errors.New("the image that asks does not run any more")
	}
}

func (a *asking) Free(slot int) error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Free(slot, running) }})
}

func (a *asking) Changed(slot int) error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Changed(slot, running) }})
}

func (a *asking) Stage(slot int) error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Stage(slot, running) }})
}

func (a *asking) Confirm() error {
	return a.ask(request{do: func(s *Store, running int) error { return s.Confirm(running) }})
}

func (a *asking) Reject(why Reason, text string) error {
	if why == None || int(why) >= len(reasons) {
		return fmt.Errorf("reject: %s is no reason", why)
	}
	return a.ask(request{reject: &Reset{why, text}})
}
