package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"wordclockd/internal/clock"
	"wordclockd/internal/ota"
)

// A progress shows an update on a terminal: a line for whatever happens, and below
// them a bar.
type progress struct {
	lines *mpb.Progress
	bar   *mpb.Bar // nil unless there is something to measure
	now   atomic.Pointer[clock.Attempt]

	fresh steps
	step  clock.Step // the last one
	trial string     // what was said of it last
}

func newProgress(out io.Writer) *progress {
	o := []mpb.ContainerOption{mpb.WithOutput(out), mpb.WithRefreshRate(100 * time.Millisecond)}
	if f, ok := out.(*os.File); ok && !knowsSize(f) {
		o = append(o, mpb.WithConsoleWriter(&unsized{out: f}))
	}
	return &progress{lines: mpb.New(o...)}
}

// see shows how far an update is.
func (p *progress) see(a clock.Attempt, trial *clock.Trial) error {
	p.now.Store(&a)
	for _, s := range p.fresh.fresh(a) {
		if s.Source == "" && s.State == p.step.State {
			continue // it is between two sources
		}
		if line := stepText(a, p.step, s); line != "" {
			fmt.Fprintln(p.lines, line)
		}
		p.step = s
	}
	if line := trialText(a, trial); line != "" && line != p.trial {
		fmt.Fprintln(p.lines, line)
		p.trial = line
	}
	p.measure(a)
	return nil
}

// measure keeps the bar up while bytes come.
func (p *progress) measure(a clock.Attempt) {
	under := a.Result == clock.Underway && a.Size > 0
	switch {
	case under && p.bar == nil:
		p.bar = p.lines.New(a.Size, mpb.BarStyle().Lbound("").Filler("█").Tip("").Padding("░").Rbound(""),
			mpb.BarWidth(30), mpb.BarRemoveOnComplete(), mpb.AppendDecorators(decor.Any(p.foot)))
	case !under && p.bar != nil:
		p.drop()
	}
	if p.bar != nil {
		p.bar.SetTotal(a.Size+1, false) // complete is what drop makes of it, not the last byte
		p.bar.SetCurrent(a.Bytes)
	}
}

func (p *progress) foot(decor.Statistics) string { return " " + progressLine(*p.now.Load()) }

func (p *progress) drop() {
	p.bar.Abort(true)
	p.bar.Wait()
	p.bar = nil
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		p.drop()
	}
	p.lines.Wait()
}

// stepText says what happened between two steps of an update; "" if it just went on.
func stepText(a clock.Attempt, before, s clock.Step) string {
	downloading := ota.Downloading.String()
	switch {
	case s.State == before.State && s.Source == before.Source:
		return ""
	case s.State == downloading && before.State == downloading && before.Source != "":
		why := a.Sources[before.Source].Error
		if why == "" {
			why = "it does not go on"
		}
		return fmt.Sprintf("%s: %s; %s goes on at %d %%", before.Source, why, s.Source, s.Percent)
	case s.State == before.State:
		return ""
	}
	return stateText(a, s)
}

// stateText is a state of an update for a person; "" if its end says more.
func stateText(a clock.Attempt, s clock.Step) string {
	switch s.State {
	case ota.Checking.String():
		return "looking for newer firmware"
	case ota.Downloading.String():
		text := fmt.Sprintf("loading %s from %s", a.Version, s.Source)
		if s.Percent > 0 {
			text += fmt.Sprintf(", from %d %% on", s.Percent)
		}
		return text
	case ota.Verifying.String():
		return "verifying what is in the slot"
	case ota.Flashing.String():
		return "switching to " + a.Slot
	}
	return ""
}

// trialText is how far the trial of what was installed has come; "" if there is none.
func trialText(a clock.Attempt, t *clock.Trial) string {
	if a.Result != clock.Installed || t == nil {
		return ""
	}
	return fmt.Sprintf("%s is on trial: %s", a.Version, trialLine(*t))
}

// progressLine is how far an update is.
func progressLine(a clock.Attempt) string {
	text := fmt.Sprintf("%3d %%  %s of %s", percent(a), amount(float64(a.Bytes)), amount(float64(a.Size)))
	if a.State != ota.Downloading.String() {
		return text
	}
	if a.Rate > 0 {
		text += fmt.Sprintf("  %s/s", amount(a.Rate))
	}
	if a.RemainingS > 0 {
		text += fmt.Sprintf("  %s left", time.Duration(a.RemainingS*float64(time.Second)).Round(time.Second))
	}
	return text
}

func percent(a clock.Attempt) int64 {
	if a.Size <= 0 {
		return 0
	}
	return min(100, 100*a.Bytes/a.Size)
}

// amount is a number of bytes for a person.
func amount(n float64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%.0f B", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", n/1e3)
	}
	return fmt.Sprintf("%.1f MB", n/1e6)
}
