package firmware

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"wordclockd/internal/durable"
	"wordclockd/internal/nvs"
)

// An opened is the store of a state directory, as it was found. A clock without
// settings is still a clock.
type opened struct {
	*nvs.Store        // nil if there is none
	memory     bool   // there is none, and that is as it should be
	aside      string // where a damaged one was moved
	err        error  // what was wrong with it
}

// openStore opens the store at path; "" is none. A file that is damaged is moved
// aside and begun anew.
func openStore(path string) (o opened) {
	if path == "" {
		return opened{memory: true}
	}
	o.Store, o.err = nvs.Open(path)
	_ = durable.SyncDir(filepath.Dir(path)) // it may be new; what cannot be synced is as durable as it gets
	if _, damaged := errors.AsType[*nvs.DamagedError](o.err); !damaged {
		return o
	}
	o.aside = durable.Free(path + ".damaged")
	if err := os.Rename(path, o.aside); err != nil {
		return opened{err: errors.Join(o.err, err)}
	}
	store, err := nvs.Open(path)
	if err != nil {
		return opened{aside: o.aside, err: errors.Join(o.err, err)}
	}
	o.Store = store
	return o
}

// report says what was wrong with the store.
func (o opened) report(log *slog.Logger) {
	switch {
	case o.err == nil:
	case o.Store != nil:
		log.Error("stored settings are damaged: they were moved aside, all settings are the default",
			"event", "store_replaced", "aside", o.aside, "err", o.err)
	default:
		log.Error("settings cannot be stored: all of them are the default, and none can be changed; check the state directory",
			"event", "store_lost", "err", o.err)
	}
}

// close closes the store.
func (o opened) close(log *slog.Logger) {
	if o.Store == nil {
		return
	}
	if err := o.Store.Close(); err != nil {
		log.Error("settings cannot be closed", "event", "store_lost", "err", err)
	}
}
