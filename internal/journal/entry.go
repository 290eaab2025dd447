package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"wordclockd/internal/clock"
)

// An entry is the firmware's structure of 112 bytes, little-endian:
//
//	timestamp int64, uptime uint32 (s), source, severity uint8, code uint16,
//	context [32]byte, message [64]byte (NUL-terminated)
//
// and then, as text, what it has no place for:
//
//	event NUL message NUL details
//
// The context is that of a validation, and zero for all else:
//
//	mismatches, failure uint8, rows [10]byte (row r is bit r%8 of byte r/8), reserved [20]byte
//
// The firmware means to reserve a byte more, and writes none because that does not fit.
const (
	entrySize   = 112
	contextAt   = 16
	contextSize = 32
	rowsAt      = 2
	numRows     = 10
	messageAt   = 48
	messageSize = 64

	maxEvent, maxMessage, maxDetails = 32, 256, 512
)

func appendEntry(b []byte, e clock.Entry) []byte {
	var at int64
	if !e.Time.IsZero() {
		at = e.Time.Unix()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.LittleEndian.AppendUint32(b, uint32(e.Uptime/time.Second))
	b = append(b, byte(e.Origin), byte(e.Severity))
	b = binary.LittleEndian.AppendUint16(b, e.Code)
	context := contextOf(e)
	b = append(b, context[:]...)
	var message [messageSize]byte
	copy(message[:], cut(e.Message, messageSize-1))
	b = append(b, message[:]...)
	return fmt.Appendf(b, "%s\x00%s\x00%s", cut(e.Event, maxEvent), cut(e.Message, maxMessage), cut(e.Details, maxDetails))
}

// contextOf returns the context of an entry. More mismatches than a byte can hold are 255.
func contextOf(e clock.Entry) (c [contextSize]byte) {
	n, rows := e.Mismatch()
	if e.Origin != clock.OriginValidation {
		return c
	}
	c[0], c[1] = uint8(min(max(n, 0), 255)), uint8(min(e.Code, 255))
	for _, r := range rows {
		if 0 <= r && r < numRows {
			c[rowsAt+r/8] |= 1 << (r % 8)
		}
	}
	return c
}

// detailsOf returns the details that a context stands for; none if it is zero, as a real
// clock leaves it.
func detailsOf(c []byte) string {
	if [contextSize]byte(c) == ([contextSize]byte{}) {
		return ""
	}
	var rows []int
	for r := range numRows {
		if c[rowsAt+r/8]&(1<<(r%8)) != 0 {
			rows = append(rows, r)
		}
	}
	return fmt.Sprintf("mismatches=%d rows=%q", c[0], fmt.Sprint(rows))
}

var errShort = errors.New("shorter than the firmware's structure")

// parseEntry is the inverse of appendEntry, as far as texts were not cut. It
// takes the firmware's structure alone too.
func parseEntry(b []byte) (e clock.Entry, err error) {
	if len(b) < entrySize {
		return clock.Entry{}, errShort
	}
	if at := int64(binary.LittleEndian.Uint64(b)); at > 0 && at < 1<<40 {
		e.Time = time.Unix(at, 0).UTC()
	}
	e.Uptime = time.Duration(binary.LittleEndian.Uint32(b[8:])) * time.Second
	e.Origin, e.Severity = clock.Origin(b[12]), clock.Severity(b[13])
	if e.Origin > clock.OriginBrightness || e.Severity > clock.SeverityCritical {
		return clock.Entry{}, fmt.Errorf("source %d, severity %d: unknown", b[12], b[13])
	}
	e.Code = binary.LittleEndian.Uint16(b[14:])
	if e.Origin == clock.OriginValidation {
		e.Details = detailsOf(b[contextAt:messageAt])
	}
	message, _, _ := bytes.Cut(b[messageAt:messageAt+messageSize], []byte{0})
	e.Message = text(string(message), maxMessage)
	if tail := strings.SplitN(string(b[entrySize:]), "\x00", 3); len(tail) == 3 {
		e.Event, e.Message, e.Details = text(tail[0], maxEvent), text(tail[1], maxMessage), text(tail[2], maxDetails)
	}
	return e, nil
}

// text makes s fit to be shown and stored again.
func text(s string, n int) string {
	return cut(strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", ""), n)
}

// cut shortens s to n bytes at most, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// stats is how the counters are stored.
type stats struct {
	Total      uint32
	ByOrigin   [12]uint32
	BySeverity [4]uint32
	Last       [12]int64
}

func fromClock(s clock.JournalStats) (x stats) {
	x.Total, x.ByOrigin, x.BySeverity = s.Total, s.ByOrigin, s.BySeverity
	for i, t := range s.Last {
		if !t.IsZero() {
			x.Last[i] = t.Unix()
		}
	}
	return x
}

func (x stats) toClock() (s clock.JournalStats) {
	s.Total, s.ByOrigin, s.BySeverity = x.Total, x.ByOrigin, x.BySeverity
	for i, t := range x.Last {
		if t > 0 && t < 1<<40 {
			s.Last[i] = time.Unix(t, 0).UTC()
		}
	}
	return s
}
