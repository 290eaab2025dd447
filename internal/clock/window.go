package clock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Window is a part of some days at which the face is dim, or dark. One that ends
// before it begins ends on the next day.
type Window struct {
	Days     [7]bool // on which it begins, by time.Weekday
	From, To int     // minutes of the day; From is in it, To is not
	Off      bool    // nothing is lit
	Most     Level   // of the whole face, unless Off
}

const (
	maxWindows = 64 // that one text may have, far more than a week needs
	windowForm = "[DAYS] HH:MM-HH:MM off, or the same with dim LEVEL, such as mon-fri 22:30-06:00 off"
)

var dayNames = [...]string{time.Sunday: "sun", time.Monday: "mon", time.Tuesday: "tue", time.Wednesday: "wed", time.Thursday: "thu", time.Friday: "fri", time.Saturday: "sat"}

// ParseWindows returns the windows of a text that separates them by semicolons, "" has
// none. The error says which is wrong.
func ParseWindows(text string) (windows []Window, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	parts := strings.Split(text, ";")
	if len(parts) > maxWindows {
		return nil, fmt.Errorf("%d windows, want %d at most", len(parts), maxWindows)
	}
	for i, part := range parts {
		w, err := parseWindow(part)
		if err != nil {
			return nil, fmt.Errorf("window %d %q: %w", i+1, strings.TrimSpace(part), err)
		}
		windows = append(windows, w)
	}
	return windows, nil
}

// FormatWindows is the inverse of [ParseWindows].
func FormatWindows(windows []Window) string {
	var parts []string
	for _, w := range windows {
		parts = append(parts, w.String())
	}
	return strings.Join(parts, "; ")
}

// everyDay is what a window without days has.
var everyDay = [7]bool{true, true, true, true, true, true, true}

func parseWindow(text string) (w Window, err error) {
	words := strings.Fields(strings.ToLower(text))
	w.Days = everyDay
	if len(words) > 1 && words[0][0] >= 'a' {
		if w.Days, err = parseDays(words[0]); err != nil {
			return Window{}, err
		}
		words = words[1:]
	}
	switch {
	case len(words) == 2 && words[1] == "off":
		w.Off = true
	case len(words) == 3 && words[1] == "dim":
		n, err := strconv.ParseUint(words[2], 10, 8)
		if err != nil || Level(n) < MinLevel {
			return Window{}, fmt.Errorf("dim %s: want %d to 255", words[2], MinLevel)
		}
		w.Most = Level(n)
	default:
		return Window{}, fmt.Errorf("want %s", windowForm)
	}
	if w.From, w.To, err = parseHours(words[0]); err != nil {
		return Window{}, err
	}
	return w, nil
}

// parseHours returns the minutes of the day that a text such as 22:30-06:00 has.
func parseHours(text string) (from, to int, err error) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, fmt.Errorf("want %s", windowForm)
	}
	if from, err = minuteOf(first); err != nil {
		return 0, 0, err
	}
	if to, err = minuteOf(last); err != nil {
		return 0, 0, err
	}
	switch from {
	case wholeDay:
		return 0, 0, fmt.Errorf("%s: begins at the end of the day; that is 00:00 of the next one", text)
	case to:
		return 0, 0, fmt.Errorf("%s: begins when it ends; a whole day is 00:00-24:00", text)
	}
	return from, to, nil
}

// wholeDay is the end of the day, as minutes.
const wholeDay = 24 * 60

// minuteOf returns the minute of the day that a text says, 24:00 being its end.
func minuteOf(text string) (int, error) {
	if text == "24:00" {
		return wholeDay, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q: want HH:MM", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// parseDays returns the days of a list such as mon-thu,sun.
func parseDays(text string) (days [7]bool, err error) {
	if text == "daily" {
		return everyDay, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a := slices.Index(dayNames[:], first)
		b := a
		if isRange {
			b = slices.Index(dayNames[:], last)
		}
		if a < 0 || b < 0 {
			return days, fmt.Errorf("%q: want days such as mon-fri,sun, or daily", part)
		}
		for d := a; ; d = (d + 1) % len(days) {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

// String returns the window in its canonical form.
func (w Window) String() string {
	what := "off"
	if !w.Off {
		what = fmt.Sprintf("dim %d", w.Most)
	}
	return fmt.Sprintf("%s %02d:%02d-%02d:%02d %s", formatDays(w.Days), w.From/60, w.From%60, w.To/60, w.To%60, what)
}

// formatDays joins days in a row, the week beginning on Monday.
func formatDays(days [7]bool) string {
	if days == everyDay {
		return "daily"
	}
	var parts []string
	for i := 0; i < len(days); i++ {
		if !days[(i+1)%7] {
			continue
		}
		last := i
		for last+1 < len(days) && days[(last+2)%7] {
			last++
		}
		part := dayNames[(i+1)%7]
		if last > i {
			part += "-" + dayNames[(last+1)%7]
		}
		parts = append(parts, part)
		i = last
	}
	return strings.Join(parts, ",")
}
