package mqttbridge

import (
	"strings"

	"wordclockd/internal/clock"
)

// settables are the topics that are taken.
var settables = []topic{
	{
		path: commandPath, qos: 1, doc: "Commands, see [Commands](#commands).", text: "the text of a command, exactly, or its JSON form",
		sample: `{"command":"ota_check_update","parameters":{"source":"github"},"id":7}`,
		take:   &taking{read: readCommand},
	},
	{
		path: "transition/set", qos: 1, doc: "Sets how one face becomes the next.", needs: clock.CanFade,
		keys: transitionForm.keys, sample: `{"duration_ms":1500,"enabled":true,"fadein_curve":"ease_out","fadeout_curve":"ease_in"}`,
		take: &taking{read: readObject, errand: transitionForm.errand(), words: transitionForm.words},
	},
	{
		path: "brightness/set", qos: 1, doc: "Sets the levels by hand: they hold until the knob or the light moves, or `manual_minutes` of `brightness/config/status` have passed.",
		keys: brightnessForm.keys, sample: `{"individual":60,"global":180}`,
		take: &taking{read: readObject, errand: errand{echo: brightnessForm.echo, run: setLevels}, words: brightnessForm.words},
	},
	{
		path: "brightness/config/set", qos: 1, doc: "Sets what `brightness/config/status` shows. The lower level of a zone takes the upper one along if that would be below it.",
		keys: configForm.keys, sample: `{"light_sensor":{"dim":{"brightness":35}},"threshold_1":60,"halb_centric_style":true}`,
		take: &taking{read: readObject, errand: errand{echo: configForm.echo, run: setConfig}},
	},
	{
		path: "brightness/config/get", qos: 1, doc: "Has `brightness/config/status` published.", text: "anything", sample: "get",
		take: &taking{read: readAnything, errand: errand{echo: configForm.echo, run: justEcho}},
	},
	{
		path: "brightness/config/reset", qos: 1, doc: "Sets all that `brightness/config/status` shows to what it is by default, and gives the levels back to knob and light sensor.", text: "anything", sample: "reset",
		take: &taking{read: readAnything, errand: errand{echo: configForm.echo, run: resetConfig}},
	},
	{
		path: "night/set", qos: 1, doc: "Sets when the face is dim or dark.",
		keys: nightForm.keys, sample: `{"windows":"mon-fri 22:30-06:00 off; daily 20:00-22:30 dim 40","paused":false}`,
		take: &taking{read: readObject, errand: nightForm.errand()},
	},
	{
		path: "validation/set", qos: 1, doc: "Sets how the LEDs are read back.", needs: clock.CanValidate,
		keys: validationForm.keys, sample: `{"enabled":true,"interval_s":350}`,
		take: &taking{read: readObject, errand: validationForm.errand()},
	},
	{
		path: "error_log/query", qos: 1, doc: "Asks for entries of the error journal, which come on `error_log/response`.", text: "text that is not JSON, or nothing, asks for the newest 10",
		keys: queryKeys, sample: `{"count":10,"offset":0}`,
		take: &taking{read: readQuery, errand: errand{run: queryLog}},
	},
	{
		path: "error_log/clear", qos: 1, doc: "Empties the error journal and keeps its counters, or the other way round.", text: "`clear` or `reset_stats`", sample: "clear",
		take: &taking{read: readClear, errand: errand{echo: []string{logStats}, run: clearLog}},
	},
	{
		path: "ota/source/set", qos: 1, doc: "Sets the source of firmware that is asked first.", text: "the name alone; in any case, as in JSON",
		keys: sourceForm.keys, sample: `{"source":"github"}`,
		take: &taking{read: readSource, errand: errand{echo: sourceForm.echo, run: setSource}},
	},
	{
		path: "light/set", qos: 1, doc: "Sets the face as a light, of Home Assistant's JSON schema.",
		keys: lightForm.keys, sample: `{"state":"ON","brightness":128}`,
		take: &taking{read: readObject, errand: errand{echo: lightForm.echo, run: setLight}},
	},
}

// readObject reads a payload that is a JSON object, with an id besides.
func readObject(t *topic, p []byte) (*request, errand, error) {
	r := &request{name: t.path}
	o, err := parse(p)
	if err != nil {
		return r, t.take.errand, err
	}
	r.id = scalar(o[idKey])
	delete(o, idKey)
	r.object = o
	return r, t.take.errand, nil
}

// readAnything takes any payload; it may be an object with an id.
func readAnything(t *topic, p []byte) (*request, errand, error) {
	r := &request{name: t.path}
	if o, err := parse(p); err == nil {
		r.id = scalar(o[idKey])
	}
	return r, t.take.errand, fits(p)
}

// readQuery takes any text besides an object: the old clock did.
func readQuery(t *topic, p []byte) (*request, errand, error) {
	if strings.HasPrefix(string(p), "{") {
		return readObject(t, p)
	}
	return readAnything(t, p)
}

func readClear(t *topic, p []byte) (*request, errand, error) {
	r, e, err := readAnything(t, p)
	if err != nil {
		return r, e, err
	}
	what, ok := clearWords[string(p)]
	if !ok {
		err = &clock.InvalidError{Text: printable(string(p)) + ": want clear or reset_stats"}
	}
	r.object = object{"what": what}
	return r, e, err
}

// readSource takes the name of a source besides an object.
func readSource(t *topic, p []byte) (*request, errand, error) {
	if strings.HasPrefix(string(p), "{") {
		return readObject(t, p)
	}
	r, e, err := readAnything(t, p)
	r.object = object{"source": string(p)}
	return r, e, err
}
