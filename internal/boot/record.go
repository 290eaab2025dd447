package boot

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"wordclockd/internal/flash"
)

// A record is what the loader notes of a trial, behind the entry that it is about,
// in bytes that ESP-IDF never reads. It is programmed bit by bit and never erased
// alone:
//
//	0  1   starts, in unary: as many bits are clear
//	1  1   clean stops, likewise
//	2  1   the reason why it was given up, and its complement in the high nibble
//	3  1   0xFF; 0 once a start was told that it was given up
//	4  12  for each of three starts, 4 bytes that tell one start of the host from another
type record struct {
	starts, stops int
	reason        Reason
	told          bool
	hosts         [trialStarts]uint32
}

// trialStarts is how often an image is started to be judged.
const trialStarts = 3

const noHost = 0xFFFFFFFF

func readRecord(s flash.Select) (r record) {
	r.starts, r.stops = 8-bits.OnesCount8(s.Spare[0]), 8-bits.OnesCount8(s.Spare[1])
	if b := s.Spare[2]; b&0xF == ^b>>4&0xF && int(b&0xF) < len(reasons) {
		r.reason = Reason(b & 0xF)
	}
	r.told = s.Spare[3] != 0xFF
	for i := range r.hosts {
		r.hosts[i] = binary.LittleEndian.Uint32(s.Spare[4+4*i:])
	}
	return r
}

// write notes r behind s. Whatever else is there stays.
func (r record) write(s flash.Select) flash.Select {
	s.Spare[0], s.Spare[1] = 0xFF<<r.starts, 0xFF<<r.stops
	s.Spare[2] = 0xFF
	if r.reason != None {
		s.Spare[2] = byte(r.reason)&0xF | ^byte(r.reason)<<4
	}
	s.Spare[3] = 0xFF
	if r.told {
		s.Spare[3] = 0
	}
	for i, h := range r.hosts {
		binary.LittleEndian.PutUint32(s.Spare[4+4*i:], h)
	}
	return s
}

// blankRecord is that of an image that was never started.
var blankRecord = readRecord(flash.BlankSelect)

// started notes a start while the host is in its start host.
func (r record) started(host uint32) record {
	if r.starts < trialStarts {
		r.hosts[r.starts] &= host // one that was torn cannot be undone
	}
	r.starts++
	return r
}

// end says how a trial ended that nobody judged: None if it did not.
func (r record) end(host uint32) Reason {
	switch {
	case r.reason != None:
		return r.reason
	case r.starts == 0: // it was not this loader that began it
		return NeverConfirmed
	case r.starts > r.stops && r.starts <= trialStarts && r.hosts[r.starts-1] == host:
		return Crashed
	case r.starts > r.stops:
		return PowerLost
	case r.starts >= trialStarts:
		return NeverConfirmed
	}
	return None
}

// A mark stands behind one entry and says of the other one that its image was
// confirmed: before that entry is replaced by one that says so itself, so that it
// survives a power cut in between.
//
//	16  4  sequence number of the other entry
//	20  4  its complement
//	24  8  the begin of the image's digest
type mark struct {
	seq    uint32
	digest [8]byte
}

const markOff = 16

// readMark returns the mark behind s, if there is one.
func readMark(s flash.Select) (m mark, ok bool) {
	p := s.Spare[markOff:]
	m.seq = binary.LittleEndian.Uint32(p)
	copy(m.digest[:], p[8:])
	return m, m.seq != flash.NoSeq && binary.LittleEndian.Uint32(p[4:]) == ^m.seq
}

// canMark reports whether there is room for a mark behind s.
func canMark(s flash.Select) bool {
	return bytes.Equal(s.Spare[markOff:], flash.BlankSelect.Spare[markOff:])
}

func (m mark) write(s flash.Select) flash.Select {
	p := s.Spare[markOff:]
	binary.LittleEndian.PutUint32(p, m.seq)
	binary.LittleEndian.PutUint32(p[4:], ^m.seq)
	copy(p[8:], m.digest[:])
	return s
}

// voidMark clears what readMark goes by. There is no room for another mark then.
func voidMark(s flash.Select) flash.Select {
	clear(s.Spare[markOff : markOff+8])
	return s
}

// isAbout reports whether the mark is about an image with this digest.
func (m mark) isAbout(digest [32]byte) bool { return bytes.HasPrefix(digest[:], m.digest[:]) }
