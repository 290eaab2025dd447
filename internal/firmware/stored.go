package firmware

import (
	"errors"
	"fmt"
	"math"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/face"
	"wordclockd/internal/nvs"
)

// loadSettings returns what is stored. What is missing or makes no sense is the
// default; the error names what made none.
func loadSettings(tx *nvs.Tx) (clock.Settings, error) {
	r := reader{tx: tx}
	stored := r.settings()
	return sensible(stored, r.err)
}

// sensible returns settings with the default in place of what is out of its range, and
// of what is at odds with others. err is what was wrong with them before.
func sensible(stored clock.Settings, err error) (clock.Settings, error) {
	s := clock.DefaultSettings()
	for _, f := range clock.Fields {
		err = errors.Join(err, f.Set(&s, f.Get(&stored)))
	}
	for _, part := range []func(to, from *clock.Settings){
		func(to, from *clock.Settings) { to.Zones = from.Zones },
		func(to, from *clock.Settings) { to.Thresholds = from.Thresholds },
		func(to, from *clock.Settings) { to.Knob = from.Knob },
	} {
		alone := clock.DefaultSettings()
		part(&alone, &s)
		if e := alone.Validate(); e != nil {
			err = errors.Join(err, e)
			part(&s, new(clock.DefaultSettings()))
		}
	}
	return s, err
}

// A reader gets what is stored, and keeps what was wrong with it.
type reader struct {
	tx  *nvs.Tx
	err error
}

// read returns what a key holds.
func read[T any](r *reader, k nvs.Key[T]) T {
	v, err := k.Get(r.tx)
	r.err = errors.Join(r.err, err)
	return v
}

// settings returns what is stored, as it is.
func (r *reader) settings() clock.Settings {
	knob, check, manual := read(r, nvs.Knob), read(r, nvs.ValidationConfig), read(r, nvs.Manual)
	s := clock.Settings{
		Off: read(r, nvs.DisplayOff) != 0, Style: face.Default,
		Individual: clock.Level(read(r, nvs.Individual)), Global: clock.Level(read(r, nvs.Global)), SafetyLimit: clock.Level(knob.Safety),
		Transition: clock.Transition{
			Off: read(r, nvs.TransitionOn) == 0, Duration: time.Duration(read(r, nvs.TransitionDuration)) * time.Millisecond,
			In: clock.Curve(read(r, nvs.TransitionIn)), Out: clock.Curve(read(r, nvs.TransitionOut)),
		},
		Knob: clock.Knob{Min: clock.Level(knob.Min), Max: clock.Level(knob.Max), Curve: clock.KnobCurve(min(knob.Curve, math.MaxUint8))},
		Manual: clock.Manual{
			Individual: manual&manualIndividual != 0, Global: manual&manualGlobal != 0,
			For: time.Duration(read(r, nvs.ManualFor)) * time.Minute,
		},
		Night:     clock.Night{Windows: read(r, nvs.Windows), Paused: read(r, nvs.Paused) != 0},
		SelfCheck: clock.SelfCheck{Off: !check.Enabled, Every: time.Duration(check.Interval) * time.Second},
		Chimes: clock.Chimes{
			On: read(r, nvs.ChimeEnabled) != 0, Volume: read(r, nvs.ChimeVolume),
			QuietStart: read(r, nvs.ChimeQuietStart), QuietEnd: read(r, nvs.ChimeQuietEnd),
		},
		Source: clock.Source(read(r, nvs.OTASource)),
	}
	if read(r, nvs.HalbStyle) != 0 {
		s.Style = face.HalbCentric
	}
	for i, z := range read(r, nvs.LightSensor) {
		s.Zones[i] = clock.Zone{Min: clock.Level(z.Min), Max: clock.Level(z.Max)}
		if i < len(s.Thresholds) {
			s.Thresholds[i] = lux(z.LuxMax)
		}
	}
	return s
}

// lux returns what the firmware has as a number of any kind; 0 is one that a threshold
// cannot be.
func lux(x float32) uint16 {
	if !(x >= 0 && x < math.MaxUint16) {
		return 0
	}
	return uint16(math.Round(float64(x)))
}

// Bits of nvs.Manual.
const (
	manualIndividual = 1 << iota
	manualGlobal
)

// storeSettings makes s what loadSettings returns. What nobody chose is not stored,
// and what else is in a blob stays.
func storeSettings(tx *nvs.Tx, s clock.Settings) error {
	return errors.Join(
		nvs.BrightnessVersion.Put(tx, nvs.BrightnessVersion.Default),
		edit(tx, nvs.LightSensor, func(z *[clock.Zones]nvs.Zone) { storeZones(z, s) }),
		edit(tx, nvs.Knob, func(k *nvs.Potentiometer) {
			k.Min, k.Max, k.Curve, k.Safety = uint8(s.Knob.Min), uint8(s.Knob.Max), uint32(s.Knob.Curve), uint8(s.SafetyLimit)
		}),
		edit(tx, nvs.ValidationConfig, func(v *nvs.Validation) {
			v.Enabled, v.Interval = !s.SelfCheck.Off, uint16(s.SelfCheck.Every/time.Second)
		}),
		change(tx, nvs.Manual, flag(s.Manual.Individual)*manualIndividual|flag(s.Manual.Global)*manualGlobal),
		change(tx, nvs.ManualFor, uint16(s.Manual.For/time.Minute)),
		change(tx, nvs.Windows, s.Night.Windows),
		change(tx, nvs.Paused, flag(s.Night.Paused)),
		change(tx, nvs.HalbStyle, flag(s.Style == face.HalbCentric)),
		change(tx, nvs.Individual, uint8(s.Individual)),
		change(tx, nvs.Global, uint8(s.Global)),
		change(tx, nvs.DisplayOff, flag(s.Off)),
		change(tx, nvs.TransitionOn, flag(!s.Transition.Off)),
		change(tx, nvs.TransitionDuration, uint16(s.Transition.Duration/time.Millisecond)),
		change(tx, nvs.TransitionIn, uint8(s.Transition.In)),
		change(tx, nvs.TransitionOut, uint8(s.Transition.Out)),
		change(tx, nvs.ChimeEnabled, flag(s.Chimes.On)),
		change(tx, nvs.ChimeVolume, s.Chimes.Volume),
		change(tx, nvs.ChimeQuietStart, s.Chimes.QuietStart),
		change(tx, nvs.ChimeQuietEnd, s.Chimes.QuietEnd),
		change(tx, nvs.OTASource, uint8(s.Source)),
	)
}

// storeZones makes zones of light those of s, each beginning where the one before it
// ends. Where the first begins and the last ends is not for settings to say, unless
// nothing would be left of it.
func storeZones(zones *[clock.Zones]nvs.Zone, s clock.Settings) {
	for i := range zones {
		z := &zones[i]
		z.Min, z.Max = uint8(s.Zones[i].Min), uint8(s.Zones[i].Max)
		if i > 0 {
			z.LuxMin = zones[i-1].LuxMax
		}
		if i < len(s.Thresholds) {
			if lux(z.LuxMax) != s.Thresholds[i] { // else a fraction may be there
				z.LuxMax = float32(s.Thresholds[i])
			}
		} else if !(z.LuxMax > z.LuxMin) {
			z.LuxMax = max(brightest, z.LuxMin+1)
		}
	}
	if first := &zones[0]; !(first.LuxMin >= 0 && first.LuxMin < first.LuxMax) {
		first.LuxMin = 0
	}
}

// brightest is where the firmware has the last zone end, once a threshold was set.
const brightest = 10000

func flag(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

// edit changes what a key holds, unless that comes to the same. What is of another type
// is replaced.
func edit[T comparable](tx *nvs.Tx, k nvs.Key[T], f func(*T)) error {
	v, err := k.Get(tx)
	if _, ok := errors.AsType[*nvs.TypeError](err); err != nil && !ok {
		return fmt.Errorf("read %s/%s: %w", k.Namespace, k.Name, err)
	}
	f(&v)
	return change(tx, k, v)
}

// change stores v unless the key has it already, be it by default: what nobody
// chose is not stored.
func change[T comparable](tx *nvs.Tx, k nvs.Key[T], v T) error {
	if old, err := k.Get(tx); err == nil && old == v {
		return nil
	}
	return k.Put(tx, v)
}
