package ota

import (
	"context"
	"log/slog"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// A supplier is a source under its name.
type supplier struct {
	name   string // github, cloudflare or file
	silent bool   // it had no manifest for us
	Source
}

// A job is an image that is to be brought into a slot.
type job struct {
	manifest  Manifest
	suppliers []supplier   // in the order in which they are asked; the first delivered the manifest
	dev       flash.Device // the whole partition
	plan      *Plan        // what was begun before and may be continued; nil is nothing
	stall     time.Duration

	// judge is asked about the first flash.HeadSize bytes before more is read. Its
	// error is an *Error, and final unless the bytes may not be the image's.
	judge func(head []byte) error
	// verify reads back what the flash holds now. Its error is an *Error; WrongBytes,
	// and ImageInvalid of a manifest without a hash, say that these are other bytes
	// than were wanted, anything else is final.
	verify func(ctx context.Context) error

	keep func(Plan)  // each time that the plan has changed; the zero Plan is none
	tell func(gauge) // after each piece, and whatever else a person should see
	log  *slog.Logger
}

// A gauge is how far a job is.
type gauge struct {
	state   State                   // Downloading or Verifying
	source  string                  // that serves
	bytes   int64                   // in the slot, good as far as is known
	fetched int64                   // of the image, over the network, in this run
	rate    float64                 // bytes per second, of late
	served  map[string]clock.Served // by source; replaced each time
}

// A Plan is how far an update came: what a later one may go on with.
type Plan struct {
	SHA256 string `json:"sha256"` // of the image
	Size   int64  `json:"size"`   // of the image
	Source string `json:"source"` // that served last
	Slot   string `json:"slot"`   // set and checked by the updater
	Done   int64  `json:"done"`   // bytes that are durable; what follows, to the end of its chunk, was erased
}

// run fills the slot and has it verified. All that happens ends with ctx, whose
// cause is then the error, and after a number of requests that depends on nothing
// but the number of suppliers. The error is a *FetchError with the last error of
// each supplier, or the *Error that was final.
func (j *job) run(ctx context.Context) error {
	f := newFilling(j)
	err := f.run(ctx)
	if err != nil && ctx.Err() != nil {
		return at(context.Cause(ctx), f.meter.state, "", 0)
	}
	return err
}
