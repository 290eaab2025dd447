package firmware

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"wordclockd/internal/health"
	"wordclockd/internal/nvs"
)

// A healthRecord is what did not work before an update, and the image that it is for.
// Its JSON is what nvs.KnownBad holds.
type healthRecord struct {
	Digest string       `json:"digest"`
	Failed health.Known `json:"failed"`
}

func hexDigest(d [32]byte) string { return hex.EncodeToString(d[:]) }

func (d *device) storeKnown(r healthRecord) error {
	if d.store.Store == nil {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := d.store.Update(func(tx *nvs.Tx) error { return nvs.KnownBad.Put(tx, b) }); err != nil {
		return fmt.Errorf("store what does not work: %w", err)
	}
	return nil
}

// knownBad returns what does not count against the image with a digest. Of one that
// was not installed by an update nobody knows whether the network worked before it, and
// that it does not is the least likely to be its fault.
func (d *device) knownBad(digest [32]byte) health.Known {
	unknown := health.Known{checkNetwork: {""}, checkMQTT: {""}}
	if d.store.Store == nil {
		return unknown
	}
	var b []byte
	err := d.store.View(func(tx *nvs.Tx) (err error) { b, err = nvs.KnownBad.Get(tx); return err })
	if err != nil || len(b) == 0 {
		return unknown
	}
	var r healthRecord
	if err := json.Unmarshal(b, &r); err != nil {
		d.log.Warn("what did not work before the update is not known: its record is damaged", "event", "settings_invalid", "err", err)
		return unknown
	}
	if r.Digest != hexDigest(digest) {
		return unknown
	}
	return r.Failed
}
