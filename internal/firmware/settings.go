package firmware

import (
	"context"
	"log/slog"

	"wordclockd/internal/clock"
	"wordclockd/internal/nvs"
)

// readSettings returns the settings of a store that may be none.
func readSettings(store *nvs.Store, log *slog.Logger) clock.Settings {
	s := clock.DefaultSettings()
	if store == nil {
		return s
	}
	err := store.View(func(tx *nvs.Tx) (err error) {
		s, err = loadSettings(tx)
		return err
	})
	if err != nil {
		log.Warn("stored settings make no sense: the default is used instead", "event", "settings_invalid", "err", err)
	}
	return s
}

// storedSource returns which source is preferred by what is stored; nil if
// nobody chose.
func storedSource(store *nvs.Store) (source *clock.Source) {
	if store == nil {
		return nil
	}
	_ = store.View(func(tx *nvs.Tx) error {
		if _, ok := tx.Get(nvs.OTASource.Namespace, nvs.OTASource.Name); ok {
			if n, err := nvs.OTASource.Get(tx); err == nil && int(n) < len(clock.Sources) {
				source = new(clock.Source(n))
			}
		}
		return nil
	})
	return source
}

// errUnstored refuses a change that could not be kept.
var errUnstored = &clock.UnavailableError{Code: "settings_unstored",
	Text: "the change was not made: settings cannot be stored, see the journal"}

// Change implements clock.Service: what it returns is stored.
func (d *device) Change(ctx context.Context, f func(*clock.Settings) error) (clock.Changed, error) {
	select {
	case d.changing <- struct{}{}:
		defer func() { <-d.changing }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil { // both may have been ready
		return clock.Changed{}, err
	}
	old := d.settings.Get()
	s := old.Settings
	if err := f(&s); err != nil {
		return clock.Changed{}, err
	}
	if err := s.Validate(); err != nil {
		return clock.Changed{}, err
	}
	if s == old.Settings {
		return old, nil
	}
	if err := d.keep(s); err != nil {
		return clock.Changed{}, err
	}
	if s.Source != old.Settings.Source {
		d.log.Info("preferred source of firmware was set", "event", "ota_source_set", "source", s.Source.String())
	}
	stored := storedSource(d.store.Store)
	d.update.Update(func(u *clock.Update) { u.Stored = stored })
	next := clock.Changed{Revision: old.Revision + 1, Settings: s}
	d.status.Update(func(all *clock.Status) { // nobody sees new settings beside the light of old ones
		d.settings.Set(next)
		d.shown.Set(s)
		d.dimmer.mix()
		d.put(all)
	})
	return next, nil
}

// keep stores s.
func (d *device) keep(s clock.Settings) error {
	switch {
	case d.store.memory:
		return nil
	case d.store.Store == nil:
		return errUnstored
	}
	err := d.store.Update(func(tx *nvs.Tx) error { return storeSettings(tx, s) })
	if err != nil {
		d.log.Error("settings cannot be stored: check the state directory", "event", "settings_unstored", "err", err)
		return errUnstored
	}
	return nil
}
