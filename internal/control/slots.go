package control

import (
	"context"
	"net/http"
)

// Slots is what the boot loader knows. It is answered while the firmware restarts
// too.
type Slots struct {
	Boot    uint32   `json:"boot"`    // starts counted by the loader; 0 if none runs
	Program string   `json:"program"` // the version of wordclockd itself; "" if none runs
	Running string   `json:"running"` // the name of the slot that was started last; "" if none was
	Next    string   `json:"next"`    // the name of the slot that the next start begins with, if the present one ends well; "" if nothing can be started
	Trial   bool     `json:"trial"`   // Next is, or will be, on trial
	Level   int      `json:"level"`   // the lowest secure version that may run
	Keys    []string `json:"keys"`    // digests of the keys that are trusted; none: any image is
	Slots   []Slot   `json:"slots"`
	OTAData []Select `json:"otadata"`
}

// A Slot is an app partition, and what is in it.
type Slot struct {
	Name          string `json:"name"`
	Offset        int64  `json:"offset"`
	Size          int64  `json:"size"` // of the partition
	State         string `json:"state,omitempty"`
	Reason        string `json:"reason,omitempty"` // why the image was given up
	Bootable      bool   `json:"bootable"`
	Error         string `json:"error,omitempty"` // why it is not bootable
	Version       string `json:"version,omitempty"`
	Project       string `json:"project,omitempty"`
	SecureVersion uint32 `json:"secure_version"`
	Bytes         int64  `json:"bytes"` // of the image
	Digest        string `json:"digest,omitempty"`
	Signed        bool   `json:"signed"`
	Profile       string `json:"profile,omitempty"` // what the image was made to do wrong
}

// A Select is an entry of otadata.
type Select struct {
	Sector int    `json:"sector"`
	Blank  bool   `json:"blank"`
	Seq    uint32 `json:"seq,omitempty"`
	State  string `json:"state,omitempty"`
	CRC    bool   `json:"crc_ok"`
	Slot   string `json:"slot,omitempty"`
}

// Slots returns what the boot loader knows.
func (c *Client) Slots(ctx context.Context) (s Slots, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/slots", nil, &s)
}
