package mqttbridge

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wordclockd/internal/clock"
)

// TestProbeOfTheDeaf holds that a clock that may not read all it has to is not well, and
// says what that is.
func TestProbeOfTheDeaf(t *testing.T) {
	for _, topic := range []string{presence, ourTopic("command")} {
		synctest.Test(t, func(t *testing.T) {
			r := prepare(t)
			s := &stub{welcome: true, refuse: topic}
			r.wires.dial = s.dialer(r)
			r.startBridge()
			if l := r.up(); !slices.Equal(l.Refused, []string{topic}) {
				t.Errorf("link %+v", l)
			}
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := r.bridge.Probe(ctx); err == nil || !strings.HasPrefix(err.Error(), "subscribe to "+topic+": the MQTT broker refuses it") {
				t.Errorf("%s: %v", topic, err)
			}
		})
	}
}

// TestRestartOfTheBusy holds that a restart that was promised happens, whatever else is
// under way.
func TestRestartOfTheBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.up()
		r.clock.mu.Lock()
		r.clock.answer = func(ctx context.Context, c clock.Command) (any, error) {
			if c.Name != clock.Restart {
				<-ctx.Done()
			}
			return nil, ctx.Err()
		}
		r.clock.mu.Unlock()
		p := r.peer("impatient")
		for range maxSlow {
			p.send(ourTopic("command"), "refresh_sensors")
		}
		p.send(ourTopic("command"), "restart")
		time.Sleep(2 * time.Second)
		if did := r.clock.done(); len(did) != maxSlow+1 || did[maxSlow] != clock.Restart {
			t.Errorf("did %v", did)
		}
		if got := p.saw(ourTopic(resultPath)); !slices.Equal(got, []string{`{"id":null,"command":"restart","ok":true,"error":""}`}) {
			t.Errorf("results %q", got)
		}
	})
}

// TestRepublishedIsSaidLast holds that what says that everything was announced anew comes
// when it was, for each who asked.
func TestRepublishedIsSaidLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t)
		s := &stub{welcome: true, then: func(c net.Conn) {
			for range 3 {
				publication(ourTopic("command"), []byte("republish_discovery"), 1, false).Write(c)
			}
		}}
		r.wires.dial = s.dialer(r)
		r.startBridge()
		r.up()
		time.Sleep(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		announced, said := 0, 0
		for _, m := range s.got {
			switch {
			case strings.HasPrefix(m, ourTopic(healthPath)+"="): // one of the states
				announced++
			case m == ourTopic(statusPath)+"=discovery_republished":
				if said++; announced != said+1 {
					t.Errorf("said %d times after %d announcements", said, announced)
				}
			}
		}
		if said != 3 {
			t.Errorf("said %d times", said)
		}
	})
}
