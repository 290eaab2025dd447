package ds3231

import (
	"fmt"
	"time"
)

// A RegisterError says that the time registers hold what is no time.
type RegisterError struct {
	Registers [7]byte // 0x00 to 0x06
	Field     string
}

func (e *RegisterError) Error() string {
	return fmt.Sprintf("registers % x: no valid %s", e.Registers, e.Field)
}

// Bits outside the digits.
const (
	hour12  = 0x40 // 12-hour mode, in the hours
	hourPM  = 0x20 // then: afternoon
	century = 0x80 // in the month: 2100 to 2199
)

// parseTime reads registers 0x00 to 0x06:
//
//	seconds minutes hours weekday date month year
//
// all of them BCD. Bits that the datasheet gives as 0 must be 0. The weekday
// is not looked at: what it counts from is the user's choice.
func parseTime(r [7]byte) (time.Time, error) {
	bad := func(field string) (time.Time, error) { return time.Time{}, &RegisterError{r, field} }
	sec, ok := parseBCD(r[0], 0, 59)
	if !ok {
		return bad("second")
	}
	minute, ok := parseBCD(r[1], 0, 59)
	if !ok {
		return bad("minute")
	}
	hour, ok := parseHour(r[2])
	if !ok {
		return bad("hour")
	}
	day, ok := parseBCD(r[4], 1, 31)
	if !ok {
		return bad("day")
	}
	month, ok := parseBCD(r[5]&^century, 1, 12)
	if !ok {
		return bad("month")
	}
	year, ok := parseBCD(r[6], 0, 99)
	if !ok {
		return bad("year")
	}
	year += 2000
	if r[5]&century != 0 {
		year += 100
	}
	t := time.Date(year, time.Month(month), day, hour, minute, sec, 0, time.UTC)
	if t.Day() != day {
		return bad("day of the month")
	}
	return t, nil
}

func parseHour(b byte) (hour int, ok bool) {
	if b&hour12 == 0 {
		return parseBCD(b, 0, 23)
	}
	hour, ok = parseBCD(b&^(hour12|hourPM), 1, 12)
	hour %= 12
	if b&hourPM != 0 {
		hour += 12
	}
	return hour, ok
}

// appendTime is the inverse of parseTime, in 24-hour mode, Monday being 1.
func appendTime(b []byte, t time.Time) []byte {
	year, month := t.Year()-2000, bcd(int(t.Month()))
	if year >= 100 {
		year -= 100
		month |= century
	}
	weekday := byte((t.Weekday()+6)%7) + 1
	return append(b, bcd(t.Second()), bcd(t.Minute()), bcd(t.Hour()), weekday, bcd(t.Day()), month, bcd(year))
}

func parseBCD(b byte, least, most int) (n int, ok bool) {
	high, low := int(b>>4), int(b&0x0F)
	n = 10*high + low
	return n, high <= 9 && low <= 9 && least <= n && n <= most
}

func bcd(n int) byte { return byte(n/10<<4 | n%10) }
