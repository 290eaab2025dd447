package timekeeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/beevik/ntp"

	"wordclockd/internal/clock"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// How often time servers are asked. They are other people's.
const (
	askLimit    = 5 * time.Second
	askSoon     = 16 * time.Second // the first rounds, and while there are doubts
	askRarely   = 1024 * time.Second
	askAgain    = 16 * time.Second // after a round without an answer; doubled each time
	restPeriod  = time.Hour        // of a server that says it is asked too often
	restForever = 365 * 24 * time.Hour
	soonRounds  = 4
)

// A sample is what one server said about the time.
type sample struct {
	clock.Server
	// At host by the host's monotonic clock it was true, to within err.
	host, true time.Time
	err        time.Duration
	rest       time.Duration // that the server asked for
}

// off is how far the server's time is from the host's wall clock.
func (s sample) off() time.Duration { return s.true.Sub(s.host.Round(0)) }

// A round is what all servers said.
type round struct {
	n       int // counted from 1; 0 is none yet
	samples []sample
}

// A poller asks time servers, round after round. It measures and steers nothing.
type poller struct {
	servers []string
	dial    func(local, remote string) (net.Conn, error) // nil: the network
	rounds  *watch.Value[round]
	nudge   chan struct{}      // has an element when somebody cannot wait
	network *watch.Value[bool] // whether there is a way to the servers; nil: nobody knows

	// Owned by run.
	rest   map[string]time.Time // until when a server is not asked
	well   int                  // rounds with an answer in a row
	silent int                  // rounds without one in a row
}

func newPoller(servers []string, dial func(local, remote string) (net.Conn, error), network *watch.Value[bool]) *poller {
	return &poller{
		servers: servers, dial: dial, network: network, rounds: new(watch.Value[round]),
		nudge: make(chan struct{}, 1), rest: map[string]time.Time{},
	}
}

// run asks until ctx is done.
func (p *poller) run(ctx context.Context) error {
	for n := 1; ; n++ {
		begin := time.Now()
		samples := p.ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		p.rounds.Set(round{n, samples})
		p.wait(ctx, begin, p.pause(samples))
	}
}

// wait waits for d after the round that began at begin, or until somebody cannot, or the
// network is back. MINPOLL (RFC 5905 7.2) holds: fresher is not better.
func (p *poller) wait(ctx context.Context, begin time.Time, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		up, changed := p.way()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-p.nudge:
			task.Sleep(ctx, askSoon-time.Since(begin))
			return
		case <-changed:
			if now, _ := p.way(); now && !up {
				task.Sleep(ctx, askSoon-time.Since(begin))
				return
			}
		}
	}
}

// way reports whether there is a way to the servers, and returns what tells of a change.
func (p *poller) way() (up bool, changed <-chan struct{}) {
	if p.network == nil {
		return true, nil
	}
	return p.network.Watch()
}

// pause says how long to wait for the next round.
func (p *poller) pause(samples []sample) (d time.Duration) {
	if !slices.ContainsFunc(samples, func(s sample) bool { return s.Err == "" }) {
		d = min(askAgain<<min(p.silent, 10), askRarely)
		p.silent++
	} else {
		if p.silent > quiet {
			p.well = 0 // much may have changed
		}
		p.silent = 0
		if p.well++; p.well <= soonRounds {
			d = askSoon
		} else {
			d = askRarely
		}
	}
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// ask asks all servers at once, and returns when all have answered or failed.
func (p *poller) ask(ctx context.Context) []sample {
	samples := make([]sample, len(p.servers))
	g, gctx := task.NewGroup(ctx)
	for i, name := range p.servers {
		samples[i].Name = name
		if until := p.rest[name]; time.Now().Before(until) {
			samples[i].At, samples[i].Err = time.Now(), "asked for a rest"
			continue
		}
		g.Go(name, func(context.Context) error {
			samples[i] = p.query(gctx, name)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		for i := range samples { // a panic of the parser: nothing of it is to be believed
			samples[i] = sample{Server: clock.Server{Name: p.servers[i], At: time.Now(), Err: err.Error()}}
		}
	}
	for _, s := range samples {
		if s.rest > 0 {
			p.rest[s.Name] = time.Now().Add(s.rest)
		}
	}
	return samples
}

// kisses has what a server may ask for instead of an answer (RFC 5905 section
// 7.4): a rest, or not to be asked again, which here is until the next start.
var kisses = map[string]struct {
	rest time.Duration
	text string
}{
	"RATE": {restPeriod, "says that it is asked too often"},
	"DENY": {restForever, "does not want to be asked"},
	"RSTR": {restForever, "does not want to be asked"},
}

// query asks one server. The host's wall clock is looked at once: from there on
// the monotonic clock counts, so that nobody who sets it disturbs the measure.
func (p *poller) query(ctx context.Context, name string) sample {
	begin := time.Now()
	now := func() time.Time { return begin.Round(0).Add(time.Since(begin)) }
	s := sample{Server: clock.Server{Name: name}}
	r, err := ntp.QueryWithOptions(name, ntp.QueryOptions{Timeout: askLimit, GetSystemTime: now, Dialer: p.dialer(ctx)})
	s.At, s.host = now(), time.Now()
	if err == nil {
		err = valid(r)
	}
	if kiss, ok := kisses[kissOf(r, err)]; ok {
		s.rest, err = kiss.rest, errors.New(kiss.text)
	}
	if err == nil && r.RootDistance > maxDistance {
		err = fmt.Errorf("is %s away from the time itself", r.RootDistance.Round(time.Millisecond))
	}
	if err != nil {
		s.Err = plain(err)
		return s
	}
	s.Offset, s.Delay, s.Stratum = r.ClockOffset, r.RTT, r.Stratum
	s.true = s.At.Add(r.ClockOffset)
	s.err = max(r.RootDistance, r.RTT/2+r.RootDelay/2+r.RootDispersion) + minDistance
	return s
}

// kissOf returns the code of a kiss-o'-death, "" if there is none.
func kissOf(r *ntp.Response, err error) string {
	if r == nil || !errors.Is(err, ntp.ErrKissOfDeath) {
		return ""
	}
	return r.KissCode
}

const (
	maxDistance = 1500 * time.Millisecond // MAXDIST of RFC 5905 is 1.5 s
	minDistance = 5 * time.Millisecond    // what a busy host may add to any measure
)

// plain shortens errors of the network to what a person needs.
func plain(err error) string {
	var e net.Error
	if errors.As(err, &e) && e.Timeout() {
		return "does not answer"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// dialer connects within ctx: a query ends when the clock does.
func (p *poller) dialer(ctx context.Context) func(local, remote string) (net.Conn, error) {
	dial := p.dial
	if dial == nil {
		dial = func(_, remote string) (net.Conn, error) {
			return (&net.Dialer{Timeout: askLimit}).DialContext(ctx, "udp", remote)
		}
	}
	return func(local, remote string) (net.Conn, error) {
		c, err := dial(local, remote)
		if err == nil {
			context.AfterFunc(ctx, func() { c.Close() })
		}
		return c, err
	}
}

// slack is how far apart good servers may be beyond their errors: some smear a
// leap second over a day, and are half a second off the others in its middle.
const slack = 600 * time.Millisecond

// agree returns the best of the samples on which most servers that answered
// agree: their intervals of what can be true have a moment in common (Marzullo's
// algorithm, as in RFC 5905 section 11.2.1). What is between them adds to its
// error. ok is false if there is no such majority.
func agree(samples []sample) (best sample, n int, ok bool) {
	var valid []sample
	for _, s := range samples {
		if s.Err == "" {
			valid = append(valid, s)
		}
	}
	var most []sample
	for _, a := range valid {
		edge := a.off() - a.err - slack/2 // the most overlap begins where some interval does
		var with []sample
		for _, b := range valid {
			if (b.off() - edge).Abs() <= b.err+slack/2 {
				with = append(with, b)
			}
		}
		if len(with) > len(most) {
			most = with
		}
	}
	if 2*len(most) <= len(valid) {
		return sample{}, len(valid), false
	}
	best = slices.MinFunc(most, func(a, b sample) int { return cmp.Compare(a.err, b.err) })
	spread := time.Duration(0)
	for _, s := range most {
		spread = max(spread, (s.off() - best.off()).Abs())
	}
	best.err = max(best.err, spread)
	return best, len(most), true
}

// valid judges what Validate leaves out: an answer that calls itself version 5
// evades its look at the leap indicator; one that was held for longer than it was
// under way makes the delay 0 and the offset anything; and a date may be wrong
// however well it is measured.
func valid(r *ntp.Response) error {
	t := r.Timestamps
	switch {
	case r.Version != 3 && r.Version != 4:
		return fmt.Errorf("answers in version %d", r.Version)
	case t.ServerXmit.Sub(t.ServerRecv) > t.ClientRecv.Sub(t.ClientXmit)+minDistance:
		return errors.New("held the answer for longer than it was under way")
	case r.Time.Year() < firstYear && !r.IsKissOfDeath():
		return fmt.Errorf("is in the year %d", r.Time.Year())
	}
	return r.Validate()
}
