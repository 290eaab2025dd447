package sim

import "time"

// civil is what the time registers of a DS3231 hold, as a person would say it.
type civil struct {
	t       time.Time // in the years 2000 to 2099: the chip knows two digits
	weekday uint8
	century bool
	hour12  bool
}

// takeCivil reads registers 0x00 to 0x06; ok is false if they hold no time.
func takeCivil(r *[rtcRegs]uint8) (v civil, ok bool) {
	digits := func(b uint8) int {
		if b>>4 > 9 || b&0xF > 9 {
			return -1
		}
		return int(b>>4)*10 + int(b&0xF)
	}
	sec, minute, day, month, year := digits(r[0]), digits(r[1]), digits(r[4]), digits(r[5]&0x7F), digits(r[6])
	hour := digits(r[2])
	if v.hour12 = r[2]&0x40 != 0; v.hour12 {
		if hour = digits(r[2] & 0x1F); hour < 1 || hour > 12 {
			return civil{}, false
		}
		hour = hour%12 + 12*int(r[2]>>5&1)
	}
	if min(sec, minute, hour, day, month, year) < 0 || sec > 59 || minute > 59 || hour > 23 {
		return civil{}, false
	}
	v.t = time.Date(2000+year, time.Month(month), day, hour, minute, sec, 0, time.UTC)
	v.weekday, v.century = r[3]&7, r[5]&0x80 != 0
	return v, v.t.Day() == day && int(v.t.Month()) == month
}

// add lets d pass. The century bit toggles when the two digits overflow.
func (v *civil) add(d time.Duration) {
	const day = 24 * time.Hour
	next := v.t.Add(d)
	days := next.Truncate(day).Sub(v.t.Truncate(day)) / day
	v.weekday = uint8((time.Duration(v.weekday)+6+days)%7) + 1
	for next.Year() > 2099 {
		next = next.AddDate(-100, 0, 0)
		v.century = !v.century
	}
	v.t = next
}

// put writes registers 0x00 to 0x06.
func (v *civil) put(r *[rtcRegs]uint8) {
	bcd := func(n int) uint8 { return uint8(n/10<<4 | n%10) }
	r[0], r[1], r[2] = bcd(v.t.Second()), bcd(v.t.Minute()), bcd(v.t.Hour())
	if v.hour12 {
		r[2] = 0x40 | bcd((v.t.Hour()+11)%12+1) | uint8(v.t.Hour()/12)<<5
	}
	r[3], r[4], r[5], r[6] = v.weekday, bcd(v.t.Day()), bcd(int(v.t.Month())), bcd(v.t.Year()%100)
	if v.century {
		r[5] |= 0x80
	}
}
