package release

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"wordclockd/internal/flash"
)

// A Place is a byte of a file, counted from its begin or in percent of its size.
type Place struct {
	N       int64
	Percent bool // N is 0 to 100
}

func parsePlace(s string) (Place, error) {
	if text, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil || n > 100 {
			return Place{}, fmt.Errorf("%q: want 0%% to 100%%", s)
		}
		return Place{int64(n), true}, nil
	}
	n, err := flash.ParseNumber(s)
	if err != nil || n < 0 {
		return Place{}, errors.New("want a number of bytes, such as 65536, 64K, 1M or 90%")
	}
	return Place{N: n}, nil
}

// String is the inverse of parsePlace.
func (p Place) String() string {
	switch {
	case p.Percent:
		return strconv.FormatInt(p.N, 10) + "%"
	case p.N > 0 && p.N%(1<<20) == 0:
		return strconv.FormatInt(p.N>>20, 10) + "M"
	case p.N > 0 && p.N%(1<<10) == 0:
		return strconv.FormatInt(p.N>>10, 10) + "K"
	}
	return strconv.FormatInt(p.N, 10)
}

// of returns the offset in a file of size bytes.
func (p Place) of(size int64) int64 {
	if p.Percent {
		return size/100*p.N + size%100*p.N/100
	}
	return p.N
}
