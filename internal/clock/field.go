package clock

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"wordclockd/internal/face"
)

// A Kind is how the value of a field looks.
type Kind uint8

const (
	Bool    Kind = iota // true or false
	Integer             // from Min to Max
	Choice              // one of Options
	Text                // printable ASCII, of up to Max bytes
)

var kinds = [...]string{Bool: "boolean", Integer: "integer", Choice: "choice", Text: "text"}

func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kinds[k]
}

// A Capability is hardware that a feature needs, or a feature that this clock has.
type Capability uint8

const (
	NoNeed     Capability = iota // every clock can
	HasRTC                       // a battery-backed clock
	HasLight                     // a light sensor
	HasKnob                      // a potentiometer
	HasReset                     // the reset of the LED drivers
	HasButton                    // a button
	HasSpeaker                   // a loudspeaker

	CanFade     // one face fades into the next
	CanAdapt    // the group level follows the light sensor
	CanTurn     // the level of LEDs follows the knob
	CanValidate // LEDs are read back by themselves
	CanChime    // the quarters sound
)

// A Field is a setting as every front end shows and changes it. Its value is a
// bool, an int or a string, by Kind.
type Field struct {
	Key, Doc, Unit string
	Kind           Kind
	Min, Max, Step int
	Options        []string
	Needs          Capability

	Get func(*Settings) any
	set func(*Settings, any)
	max func(*Settings) int // where Max depends on other fields

	canonical func(string) (string, error) // of a Text; the error says what is wrong
}

// Fields lists all settings. The order is that in which they are shown, and
// checked. One whose need is not met is kept, and has no effect.
var Fields = slices.Concat([]Field{
	{
		Key: "display.on", Doc: "show the time; off, nothing is lit", Kind: Bool,
		Get: func(s *Settings) any { return !s.Off },
		set: func(s *Settings, v any) { s.Off = !v.(bool) },
	},
	{
		Key: "halb_centric_style", Doc: "say ZEHN VOR HALB and DREIVIERTEL", Kind: Bool,
		Get: func(s *Settings) any { return s.Style == face.HalbCentric },
		set: func(s *Settings, v any) {
			s.Style = face.Default
			if v.(bool) {
				s.Style = face.HalbCentric
			}
		},
	},
	{
		Key: "potentiometer.safety_limit_max", Doc: "highest level of a lit LED; one that is above comes down to it",
		Unit: "1/255", Kind: Integer, Min: int(MinLevel), Max: 255, Step: 1,
		Get: func(s *Settings) any { return int(s.SafetyLimit) },
		set: func(s *Settings, v any) {
			s.SafetyLimit = Level(v.(int))
			s.Individual = min(s.Individual, s.SafetyLimit)
		},
	},
	{
		Key: "brightness.individual", Doc: "level of a lit LED, up to the safety limit",
		Unit: "1/255", Kind: Integer, Min: int(MinLevel), Max: 255, Step: 1,
		Get: func(s *Settings) any { return int(s.Individual) },
		set: func(s *Settings, v any) { s.Individual, s.Manual.Individual = Level(v.(int)), true },
		max: func(s *Settings) int { return int(s.SafetyLimit) },
	},
	{
		Key: "brightness.global", Doc: "level of the whole face, by which that of each LED is multiplied",
		Unit: "1/255", Kind: Integer, Min: int(MinLevel), Max: 255, Step: 1,
		Get: func(s *Settings) any { return int(s.Global) },
		set: func(s *Settings, v any) { s.Global, s.Manual.Global = Level(v.(int)), true },
	},
}, manualFields, nightFields, transitionFields, zoneFields(), thresholdFields(), knobFields, checkFields, chimeFields, []Field{
	{
		Key: "ota.source", Doc: "where firmware is looked for first", Kind: Choice, Options: sources[:],
		Get: func(s *Settings) any { return s.Source.String() },
		set: func(s *Settings, v any) { s.Source, _ = ParseSource(v.(string)) },
	},
})

// FieldOf returns the field of a key; the error names all there are.
func FieldOf(key string) (*Field, error) {
	for i := range Fields {
		if Fields[i].Key == key {
			return &Fields[i], nil
		}
	}
	var keys []string
	for _, f := range Fields {
		keys = append(keys, f.Key)
	}
	return nil, invalid(key, "no such setting, there are %s", strings.Join(keys, ", "))
}

// limit is the highest value that the field may have beside the others in s.
func (f *Field) limit(s *Settings) int {
	if f.max != nil {
		return min(f.Max, f.max(s))
	}
	return f.Max
}

// Check returns an *InvalidError unless the field has a value in its range.
func (f *Field) Check(s *Settings) error { return f.check(s, f.Get(s)) }

func (f *Field) check(s *Settings, v any) error {
	ok := false
	switch v := v.(type) {
	case bool:
		ok = f.Kind == Bool
	case int:
		ok = f.Kind == Integer && f.Min <= v && v <= f.limit(s)
	case string:
		if f.Kind == Text {
			_, err := f.text(v)
			return err
		}
		ok = f.Kind == Choice && f.option(v) >= 0
	}
	if !ok {
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		return invalid(f.Key, "%s: want %s", text, f.want(s))
	}
	return nil
}

// want says what the field takes.
func (f *Field) want(s *Settings) string {
	switch f.Kind {
	case Integer:
		text := fmt.Sprintf("%d to %d", f.Min, f.limit(s))
		if f.limit(s) < f.Max {
			text += ", the safety limit"
		}
		return text
	case Choice:
		return strings.Join(f.Options, " or ")
	case Text:
		return "a text"
	}
	return "true or false"
}

// Set changes the field in s. Its value may be that of [Field.Get], or what
// encoding/json makes of a number; an option may be in any case. An *InvalidError
// leaves s as it was.
func (f *Field) Set(s *Settings, v any) error {
	switch n := v.(type) {
	case json.Number:
		x, err := n.Float64()
		if err != nil {
			return invalid(f.Key, "%s: want %s", n, f.want(s))
		}
		v = whole(x)
	case float64:
		v = whole(n)
	}
	if err := f.check(s, v); err != nil {
		return err
	}
	switch text, _ := v.(string); f.Kind {
	case Choice:
		v = f.Options[f.option(text)]
	case Text:
		v, _ = f.text(text)
	}
	f.set(s, v)
	return nil
}

// text returns a Text in its canonical form; the error is an *InvalidError.
func (f *Field) text(v string) (string, error) {
	printable := func(s string) bool {
		return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
	}
	if len(v) > f.Max || !printable(v) {
		return "", invalid(f.Key, "%.40q: want printable ASCII, %d bytes at most", v, f.Max)
	}
	canonical, err := f.canonical(v)
	switch {
	case err != nil:
		return "", invalid(f.Key, "%v", err)
	case len(canonical) > f.Max:
		return "", invalid(f.Key, "%.40q: is %d bytes when written out, want %d at most", v, len(canonical), f.Max)
	}
	return canonical, nil
}

// option returns which of Options a text is, in any case; -1 is none.
func (f *Field) option(text string) int {
	return slices.IndexFunc(f.Options, func(o string) bool { return strings.EqualFold(o, text) })
}

// whole returns a number that is whole as an int.
func whole(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<31 {
		return int(x)
	}
	return x
}

// Parse returns the value that a text stands for. Whether it is in its range is
// for Set to say.
func (f *Field) Parse(text string) (any, error) {
	switch f.Kind {
	case Bool:
		if text == "true" || text == "false" {
			return text == "true", nil
		}
	case Integer:
		if n, err := strconv.Atoi(text); err == nil {
			return n, nil
		}
	default:
		return text, nil
	}
	s := DefaultSettings()
	s.SafetyLimit = math.MaxUint8
	return nil, invalid(f.Key, "%q: want %s", text, f.want(&s))
}

// An Edit is a new value of one field.
type Edit struct {
	Key   string
	Value any
}

// Apply makes edits to s in the order of Fields, so that a limit comes before
// what it limits: all of them, or with an *InvalidError none.
func Apply(s *Settings, edits []Edit) error {
	order := func(key string) int {
		return slices.IndexFunc(Fields, func(f Field) bool { return f.Key == key })
	}
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Compare(order(a.Key), order(b.Key)) })
	draft := *s
	for i, e := range edits {
		f, err := FieldOf(e.Key)
		if err != nil {
			return err
		}
		if i > 0 && edits[i-1].Key == e.Key {
			return invalid(e.Key, "is named twice")
		}
		if err := f.Set(&draft, e.Value); err != nil {
			return err
		}
	}
	*s = draft
	return nil
}
