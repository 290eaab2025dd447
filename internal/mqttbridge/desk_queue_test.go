package mqttbridge

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlider holds that what is set last is set, however many messages it took to get
// there, and that a flood of them is a bounded number of changes.
func TestSlider(t *testing.T) {
	for _, c := range []struct {
		name        string
		messages    int
		every       time.Duration
		least, most int // that are carried out
	}{
		{"a slider", 20, 100 * time.Millisecond, 20, 20},
		{"a scene", 30, 0, 30, 30},
		{"a flood", 1000, time.Millisecond, turnBurst + turnRate, turnBurst + turnRate + maxFlooded + 1},
		{"a knob that never rests", 400, 10 * time.Millisecond, turnBurst + 4*turnRate, turnBurst + 4*turnRate + maxFlooded + 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.up()
			p := r.peer("slider")
			for i := range c.messages {
				p.send(ourTopic("light/set"), fmt.Sprintf(`{"brightness":%d}`, 5+i%200))
				time.Sleep(c.every)
			}
			p.send(ourTopic("brightness/set"), `{"global":77}`)
			p.send(ourTopic("brightness/set"), `{"individual":44}`)
			p.send(ourTopic("command"), "test_transitions_status")
			time.Sleep(time.Second) // a few turns
			r.sees(ourTopic("brightness/status"), levelsAre(44, 77, true, true))
			r.sees(ourTopic("light/state"), `{"state":"ON","color_mode":"brightness","brightness":77}`)
			taken := 0
			for _, result := range p.saw(ourTopic(resultPath)) {
				switch {
				case strings.Contains(result, `"light/set","ok":true`):
					taken++
				case !strings.Contains(result, `"ok":true`) && !strings.Contains(result, "too many requests: newer ones came before it was its turn"):
					t.Errorf("%s: %s", c.name, result)
				}
			}
			if taken < c.least || taken > c.most {
				t.Errorf("%s: took %d of %d, want %d to %d", c.name, taken, c.messages, c.least, c.most)
			}
		})
	}
}

// TestTurns holds that messages of one topic are carried out in the order in which they
// came, and that the ones that have to go are the oldest.
func TestTurns(t *testing.T) { synctest.Test(t, testTurns) }

func testTurns(t *testing.T) {
	c := newCounter(t)
	c.desk.turns.AllowN(time.Now(), turnBurst)
	var jobs []job
	for n := range maxFlooded + 2 {
		o, j := c.desk.take(message{topic: ourTopic("brightness/set"), payload: fmt.Appendf(nil, `{"global":%d,"id":%d}`, 100+n, n)}, c.now)
		if said := shown(o.say); (len(said) > 0) != (n == maxFlooded) || len(said) > 0 && !strings.HasPrefix(said[0], `result={"id":0,"command":"brightness/set","ok":false`) {
			t.Errorf("message %d: said %q at once", n, said)
		}
		if j.do != nil {
			jobs = append(jobs, j)
		}
	}
	for n, j := range jobs {
		r := only(t, shown(j.do(t.Context()).say))
		if want := fmt.Sprint(n + 2); !r.OK || string(r.ID) != want {
			t.Errorf("job %d: %+v, want id %s", n, r, want)
		}
	}
	if got := c.clock.status.Get().Settings.Global; len(jobs) != maxFlooded || got != 100+maxFlooded+1 {
		t.Errorf("%d jobs, level %d", len(jobs), got)
	}

	_, j := c.desk.take(message{topic: ourTopic("brightness/set"), payload: []byte(`{"global":50}`)}, c.now)
	m := message{topic: ourTopic("brightness/set"), payload: []byte(`{"global":60,"id":9}`)}
	c.desk.take(m, c.now)
	if r := only(t, shown(c.desk.busy(m).say)); r.OK || string(r.ID) != "9" {
		t.Errorf("busy: %+v", r)
	}
	j.do(t.Context())
	if got := c.clock.status.Get().Settings.Global; got != 50 {
		t.Errorf("level %d: what was refused as busy was carried out", got)
	}
}
