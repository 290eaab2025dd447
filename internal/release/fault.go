package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A FaultKind is a way in which a source goes wrong.
type FaultKind uint8

const (
	NoFault     FaultKind = iota
	NotFound              // 404
	Unavailable           // 503
	Hang                  // the request is taken, and never answered
	Cut                   // the connection ends before byte At; nothing behind that is ever sent
	Stall                 // the same, but the connection stays
	Flip                  // byte At is inverted
	NoRange               // requests for the rest of a file get all of it
	Stale                 // wordclock.bin is an older image, and the right one is not in targets
)

// faultKinds is the one table of the names on the command line.
var faultKinds = [...]string{
	NoFault: "", NotFound: "404", Unavailable: "503", Hang: "hang",
	Cut: "cut", Stall: "stall", Flip: "flip", NoRange: "norange", Stale: "stale",
}

func (k FaultKind) String() string {
	if int(k) >= len(faultKinds) {
		return fmt.Sprintf("FaultKind(%d)", uint8(k))
	}
	return faultKinds[k]
}

// placed tells whether a fault is at a byte.
func (k FaultKind) placed() bool { return k == Cut || k == Stall || k == Flip }

// whole tells whether a fault is one of the server rather than of a file.
func (k FaultKind) whole() bool { return k == NotFound || k == Unavailable || k == Hang }

// A Fault is one, and the files that it concerns.
type Fault struct {
	Kind FaultKind
	On   Part  // NoPart: all files if the server is at fault, else images
	At   Place // of Cut, Stall and Flip. Files that end before it are whole
}

// ParseFault reads a fault such as "404", "cut=90%" or "manifest:hang".
func ParseFault(s string) (Fault, error) {
	f, err := parseFault(s)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", s, err)
	}
	return f, nil
}

func parseFault(s string) (f Fault, err error) {
	part, rest, scoped := strings.Cut(s, ":")
	if !scoped {
		rest = s
	} else if f.On, err = parsePart(part); err != nil {
		return Fault{}, err
	}
	name, at, placed := strings.Cut(rest, "=")
	k := slices.Index(faultKinds[1:], name) + 1
	if k == 0 {
		return Fault{}, errors.New("want [manifest:|image:|pieces:|other:] and one of " + faultNames())
	}
	f.Kind = FaultKind(k)
	switch {
	case f.Kind.placed() != placed:
		return Fault{}, fmt.Errorf("want %s", f.Kind.usage())
	case f.Kind == Stale && f.On != NoPart && f.On != Image:
		return Fault{}, errors.New("only an image can be stale")
	case placed:
		f.At, err = parsePlace(at)
	}
	return f, err
}

// usage is how a fault is written.
func (k FaultKind) usage() string {
	if k.placed() {
		return k.String() + "=N, with N in bytes, or such as 64K, 1M or 90%"
	}
	return k.String()
}

func faultNames() string {
	var names []string
	for k, name := range faultKinds[1:] {
		if FaultKind(k + 1).placed() {
			name += "=N"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// String is the inverse of [ParseFault].
func (f Fault) String() string {
	s := f.Kind.String()
	if f.On != NoPart {
		s = f.On.String() + ":" + s
	}
	if f.Kind.placed() {
		s += "=" + f.At.String()
	}
	return s
}

// concerns tells whether a file of part p is at fault.
func (f Fault) concerns(p Part) bool {
	if f.On != NoPart {
		return f.On == p
	}
	return f.Kind.whole() || p == Image
}
