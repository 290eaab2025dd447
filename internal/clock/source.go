package clock

import (
	"fmt"
	"strings"
	"time"
)

// A Source is where firmware comes from. Its number is what lies in
// ota_manager/ota_source.
type Source uint8

const (
	GitHub Source = iota
	Cloudflare
)

// Sources are all of them, in the order in which they are shown.
var Sources = [...]Source{GitHub, Cloudflare}

// sources is the one table of the names on the wire.
var sources = [...]string{GitHub: "github", Cloudflare: "cloudflare"}

func (s Source) String() string {
	if int(s) >= len(sources) {
		return fmt.Sprintf("Source(%d)", uint8(s))
	}
	return sources[s]
}

// Other returns the source that is asked when s fails.
func (s Source) Other() Source { return 1 - s }

// ParseSource is the inverse of [Source.String], without regard to case.
func ParseSource(name string) (Source, error) {
	for i, n := range sources {
		if strings.EqualFold(name, n) {
			return Source(i), nil
		}
	}
	return 0, fmt.Errorf("source %q: want %s", name, strings.Join(sources[:], " or "))
}

// Check is what a look at the sources came to. Its JSON is a contract.
type Check struct {
	UpdateAvailable  bool                    `json:"update_available"`
	CurrentVersion   string                  `json:"current_version"`
	AvailableVersion string                  `json:"available_version"` // "" if no source gave a valid manifest
	Source           string                  `json:"source"`            // the one that decided
	Sources          map[string]SourceAnswer `json:"sources"`           // all that were asked
	Warnings         []string                `json:"warnings"`          // never null
	Release          *Release                `json:"release,omitempty"` // what the manifest that decided says of it; nil if none did

	Error string    `json:"error,omitempty"` // naming the causes of all that were asked; "" if one decided
	At    time.Time `json:"at"`              // UTC
}

// Release is what a manifest says of its image, each text in one line and not too long.
type Release struct {
	SHA256      string `json:"sha256"`
	Size        int64  `json:"size_bytes"`
	BuildDate   string `json:"build_date"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Date        string `json:"release_date"`
}

// SourceAnswer is what one source had to say.
type SourceAnswer struct {
	OK      bool   `json:"ok"`     // a valid manifest
	Status  int    `json:"status"` // of HTTP; 0 if there was no answer
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Error   string `json:"error"`
	Cause   string `json:"cause"`
	MS      int64  `json:"ms"` // until it was judged
}
