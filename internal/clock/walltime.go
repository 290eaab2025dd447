package clock

import (
	"fmt"
	"time"
)

// A WallTime is what somebody reads off another clock, and off a calendar too if there
// is a year.
type WallTime struct {
	Year         int // 0: only the time of day was read
	Month        time.Month
	Day          int
	Hour, Minute int
}

// ParseWallTime reads HH:MM, or YYYY-MM-DD HH:MM. Hour and minute may have one digit.
// The error is an *InvalidError.
func ParseWallTime(text string) (WallTime, error) {
	if t, err := time.Parse("15:4", text); err == nil {
		return WallTime{Hour: t.Hour(), Minute: t.Minute()}, nil
	}
	t, err := time.Parse("2006-01-02 15:4", text)
	if err != nil || t.Year() == 0 {
		return WallTime{}, &InvalidError{Key: "time", Text: fmt.Sprintf("%q: want HH:MM, or YYYY-MM-DD HH:MM", text)}
	}
	return WallTime{t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute()}, nil
}

// String is the inverse of [ParseWallTime].
func (w WallTime) String() string {
	text := fmt.Sprintf("%02d:%02d", w.Hour, w.Minute)
	if w.Year != 0 {
		text = fmt.Sprintf("%04d-%02d-%02d %s", w.Year, w.Month, w.Day, text)
	}
	return text
}
