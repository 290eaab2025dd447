package control

import (
	"math"

	"wordclockd/internal/clock"
)

// Image is the firmware that runs.
type Image struct {
	Slot      string    `json:"slot,omitempty"`
	Health    string    `json:"health"`           // validated, trial, rollback_pending or rolled_back
	Source    string    `json:"source,omitempty"` // that served it; "" if nobody knows
	BuildDate string    `json:"build_date,omitempty"`
	BuildTime string    `json:"build_time,omitempty"`
	Digest    string    `json:"digest,omitempty"`
	Bytes     int64     `json:"bytes"`
	BootCount uint32    `json:"boot_count"` // starts since it was confirmed
	FirstBoot bool      `json:"first_boot"` // from the switch to the verdict
	Rollback  *Rollback `json:"rollback"`   // the last one; null is none
}

// Rollback is that an image was given up.
type Rollback struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
	Text   string `json:"text,omitempty"`
}

func newImage(i clock.Image) Image {
	w := Image{
		Slot: i.Slot, Health: string(i.State), Source: i.Source, BuildDate: i.BuildDate, BuildTime: i.BuildTime,
		Digest: i.Digest, Bytes: i.Size, BootCount: i.BootCount, FirstBoot: i.FirstBoot,
	}
	if r := i.Rollback; r != nil {
		w.Rollback = &Rollback{r.From, r.To, r.Reason, r.Text}
	}
	return w
}

// Sensors is what the sensors say; null is one that is not there.
type Sensors struct {
	At    string `json:"at,omitempty"`
	Light *Light `json:"light"`
	Knob  *Knob  `json:"knob"`
}

// Light is the light sensor.
type Light struct {
	Lux   float64 `json:"lux"`
	Error string  `json:"error,omitempty"`
}

// Knob is the potentiometer.
type Knob struct {
	Percent float64 `json:"percent"`
	Raw     int     `json:"raw"`
	MV      int     `json:"mv"`
	Error   string  `json:"error,omitempty"`
}

func newSensors(s clock.Status) Sensors {
	w := Sensors{At: stamp(s.Sensors.At)}
	if s.Can(clock.HasLight) {
		w.Light = &Light{tenths(s.Sensors.Lux), s.Sensors.LightErr}
	}
	if s.Can(clock.HasKnob) {
		w.Knob = &Knob{tenths(100 * s.Sensors.Knob), s.Sensors.KnobRaw, s.Sensors.KnobMV, s.Sensors.KnobErr}
	}
	return w
}

func tenths(x float64) float64 { return math.Round(10*x) / 10 }
