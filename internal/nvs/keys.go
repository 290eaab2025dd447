package nvs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
)

// A Key is a place in the store with its type and what holds while nothing is
// stored. T is an integer, a string, or, as a blob, a struct of fixed size in the
// firmware's memory layout, or a byte slice, which may have any length.
type Key[T any] struct {
	Namespace, Name string
	Default         T
	Doc             string
}

// A TypeError says that a key holds what its reader does not want.
type TypeError struct {
	Namespace, Key string
	Got, Want      string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("%s/%s: holds %s, want %s", e.Namespace, e.Key, e.Got, e.Want)
}

// Get returns what is stored, else the default. The error is a *TypeError, and
// goes with the default.
func (k Key[T]) Get(tx *Tx) (T, error) {
	v, ok := tx.Get(k.Namespace, k.Name)
	if !ok {
		return k.Default, nil
	}
	want := encode(k.Default)
	var t T
	if v.Type != want.Type || !decode(v, &t) {
		got := fmt.Sprintf("%s of %d bytes", v.Type, len(v.Data))
		return k.Default, &TypeError{k.Namespace, k.Name, got, fmt.Sprintf("%s of %d bytes", want.Type, len(want.Data))}
	}
	return t, nil
}

// Put stores t, unless it is what is stored.
func (k Key[T]) Put(tx *Tx, t T) error {
	v := encode(t)
	if old, ok := tx.Get(k.Namespace, k.Name); ok && old.Type == v.Type && bytes.Equal(old.Data, v.Data) {
		return nil
	}
	return tx.Set(k.Namespace, k.Name, v)
}

// encode returns t as it is stored.
func encode(t any) Value {
	var data []byte
	switch x := t.(type) {
	case string:
		return Value{String, []byte(x)}
	case []byte:
		return Value{Blob, x}
	}
	data, err := binary.Append(nil, binary.LittleEndian, t)
	if err != nil {
		panic(err) // a Key of a type that has no fixed size
	}
	switch reflect.TypeOf(t).Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Value{Type(len(data)), data}
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Value{Type(len(data)) | 0x10, data}
	}
	return Value{Blob, data}
}

// decode is the inverse of encode; it reports whether the size is right.
func decode(v Value, t any) bool {
	switch x := t.(type) {
	case *string:
		*x = string(v.Data)
		return true
	case *[]byte:
		*x = v.Data
		return true
	}
	return len(v.Data) == binary.Size(t) && binary.Read(bytes.NewReader(v.Data), binary.LittleEndian, t) == nil
}

// A Zone of the light sensor, as the firmware lays it out.
type Zone struct {
	LuxMin, LuxMax float32
	Min, Max       uint8
	_              [2]byte
}

// Potentiometer is the mapping of the knob, as the firmware lays it out.
type Potentiometer struct {
	Min, Max uint8
	_        [2]byte
	Curve    uint32 // 0 linear, 1 logarithmic, 2 exponential
	Safety   uint8  // limit of the individual level
	_        [3]byte
}

// Validation says what the check of the LEDs repairs by a restart, as the
// firmware lays it out.
type Validation struct {
	Restart     [5]bool // for hardware faults, bus, systematic, partial, group level
	MaxRestarts uint8
	Interval    uint16 // s
	Enabled     bool
	_           [1]byte
}

// Keys of the firmware, with its names and defaults.
var (
	WiFiSSID     = Key[string]{"wifi_config", "ssid", "", "network of the old firmware; here the operating system joins networks"}
	WiFiPassword = Key[string]{"wifi_config", "password", "", "its password; kept, not used"}

	MQTTURI      = Key[string]{"mqtt_config", "broker_uri", "", "broker of the old firmware; here the configuration names it"}
	MQTTUsername = Key[string]{"mqtt_config", "username", "", "kept, not used"}
	MQTTPassword = Key[string]{"mqtt_config", "password", "", "kept, not used"}
	MQTTClientID = Key[string]{"mqtt_config", "client_id", "", "client id, and identifier in Home Assistant"}
	MQTTUseSSL   = Key[uint8]{"mqtt_config", "use_ssl", 1, "kept, not used"}
	MQTTPort     = Key[uint16]{"mqtt_config", "port", 8883, "kept, not used"}

	BrightnessVersion = Key[uint32]{"brightness", "version", 1, "of the layout of this namespace"}
	LightSensor       = Key[[5]Zone]{"brightness", "light_sensor", [5]Zone{
		{LuxMin: 1, LuxMax: 10, Min: 5, Max: 30}, {LuxMin: 10, LuxMax: 50, Min: 30, Max: 60}, {LuxMin: 50, LuxMax: 200, Min: 60, Max: 120},
		{LuxMin: 200, LuxMax: 500, Min: 120, Max: 200}, {LuxMin: 500, LuxMax: 1500, Min: 200, Max: 255},
	}, "zones: lux and group level"}
	Knob       = Key[Potentiometer]{"brightness", "potentiometer", Potentiometer{Min: 5, Max: 255, Safety: 80}, "mapping of the knob, and the safety limit"}
	HalbStyle  = Key[uint8]{"brightness", "halb_style", 0, "1: ZEHN VOR HALB, DREIVIERTEL"}
	Individual = Key[uint8]{"brightness", "individual", 60, "level of each lit LED; the old firmware forgot it"}
	Global     = Key[uint8]{"brightness", "global", 180, "group level; the old firmware forgot it"}

	TransitionOn       = Key[uint8]{"transition", "enabled", 1, "1: one face fades into the next; the old firmware forgot it, as all of this"}
	TransitionDuration = Key[uint16]{"transition", "duration_ms", 2000, "how long that takes"}
	TransitionIn       = Key[uint8]{"transition", "fadein", 3, "curve: 0 linear, 1 ease_in, 2 ease_out, 3 ease_in_out, 4 bounce"}
	TransitionOut      = Key[uint8]{"transition", "fadeout", 3, "the same"}

	ChimeEnabled    = Key[uint8]{"chime_config", "enabled", 0, "1: the quarters sound"}
	ChimeQuietStart = Key[uint8]{"chime_config", "quiet_start", 22, "first quiet hour"}
	ChimeQuietEnd   = Key[uint8]{"chime_config", "quiet_end", 7, "first hour that is not"}
	ChimeVolume     = Key[uint8]{"chime_config", "volume", 80, "percent"}
	ChimeSet        = Key[string]{"chime_config", "chime_set", "WESTMINSTER", "which sounds"}

	ValidationVersion = Key[uint32]{"led_valid", "version", 1, "of the layout of this namespace"}
	ValidationConfig  = Key[Validation]{"led_valid", "config", Validation{Restart: [5]bool{1: true}, MaxRestarts: 3, Interval: 350, Enabled: true}, "check of the LEDs"}

	BootCount = Key[uint32]{"ota_manager", "boot_count", 0, "starts since the image was confirmed"}
	FirstBoot = Key[uint8]{"ota_manager", "first_boot", 0, "1: the image is on trial"}
	OTASource = Key[uint8]{"ota_manager", "ota_source", 0, "preferred source: 0 github, 1 cloudflare"}
)

// Keys that the firmware does not have.
var (
	DisplayOff = Key[uint8]{"brightness", "off", 0, "1: nothing is lit"}

	Manual    = Key[uint8]{"brightness", "manual", 0, "1: the individual level was set by hand, and holds; 2: the group level; 3: both"}
	ManualFor = Key[uint16]{"brightness", "manual_min", 0, "minutes for which they hold at most; 0: until knob or light move"}
	Windows   = Key[string]{"night", "windows", "", "when the face is dim or dark"}
	Paused    = Key[uint8]{"night", "paused", 0, "1: the window that it is now does not count"}

	KnownBad = Key[[]byte]{"ota_manager", "known_bad", nil, "JSON: what did not work before an update, and the digest of its image"}
	Updates  = Key[[]byte]{"ota_manager", "updates", nil, "JSON: what became of updates, how far the present one is, and which images are bad"}
	Probe    = Key[uint64]{"ota_manager", "probe", 0, "written and deleted in order to see whether that can be done"}
)

// Known is what is known of a key.
type Known struct {
	Namespace, Key, Doc string
	Default             Value
	Secret              bool  // not to be shown unasked
	Max                 uint8 // of a u8 that is less than a byte; 0 is any
}

func known[T any](k Key[T]) Known {
	return Known{Namespace: k.Namespace, Key: k.Name, Doc: k.Doc, Default: encode(k.Default), Secret: k.Name == "password"}
}

// upTo is known with a limit.
func upTo(most uint8, k Key[uint8]) Known {
	n := known(k)
	n.Max = most
	return n
}

// Schema lists the keys that the clock knows. Others are kept as they are.
var Schema = []Known{
	known(WiFiSSID), known(WiFiPassword),
	known(MQTTURI), known(MQTTUsername), known(MQTTPassword), known(MQTTClientID), known(MQTTUseSSL), known(MQTTPort),
	known(BrightnessVersion), known(LightSensor), known(Knob), upTo(1, HalbStyle), known(Individual), known(Global), upTo(1, DisplayOff),
	upTo(3, Manual), known(ManualFor), known(Windows), upTo(1, Paused),
	upTo(1, TransitionOn), known(TransitionDuration), upTo(4, TransitionIn), upTo(4, TransitionOut),
	upTo(1, ChimeEnabled), upTo(23, ChimeQuietStart), upTo(23, ChimeQuietEnd), upTo(100, ChimeVolume), known(ChimeSet),
	known(ValidationVersion), known(ValidationConfig),
	known(BootCount), upTo(1, FirstBoot), upTo(1, OTASource),
	known(KnownBad), known(Updates), known(Probe),
}

// Fits returns an error if a value is not what the clock wants of its key. Of keys
// that it does not know it wants nothing.
func (e Entry) Fits() error {
	k, ok := Look(e.Namespace, e.Key)
	switch {
	case !ok:
		return nil
	case e.Value.Type != k.Default.Type:
		return fmt.Errorf("type %s: the clock wants %s", e.Value.Type, k.Default.Type)
	case e.Value.Type == Blob && len(k.Default.Data) > 0 && len(e.Value.Data) != len(k.Default.Data):
		return fmt.Errorf("blob of %d bytes: the clock wants %d", len(e.Value.Data), len(k.Default.Data))
	case k.Max > 0 && (len(e.Value.Data) != 1 || e.Value.Data[0] > k.Max):
		return fmt.Errorf("%q: want 0 to %d", e.Value, k.Max)
	}
	return nil
}

// Look returns what is known of a key.
func Look(namespace, key string) (k Known, ok bool) {
	for _, k := range Schema {
		if k.Namespace == namespace && k.Key == key {
			return k, true
		}
	}
	return Known{}, false
}
