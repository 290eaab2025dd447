package mqttbridge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"wordclockd/internal/clock"
)

var lightForm = form{
	keys: []key{
		{name: "state", takes: "`ON` or `OFF`", doc: "whether anything is lit; `ON` in a window of the night that is `off` pauses it, and a note says so"},
		{name: "brightness", takes: "integer, 0 to 255", doc: "the group level, which turns the face on, too; 0 turns it off, and 1 to 4 count as 5, the lowest at which something is to be seen; a window of the night that is `dim` stands above it, and a note says so"},
		{name: "effect", takes: "`smooth` or `instant`", doc: "whether one face fades into the next; only on a clock that can"},
		{name: "color_mode", takes: "`brightness`", doc: "changes nothing: it is in what is published"},
	},
	echo: []string{"light/state"},
}

// setLight is what Home Assistant's light sets.
func setLight(d *desk, ctx context.Context, r *request) done {
	_, err := edits(r.object, lightForm.keys)
	status, _ := d.service.Watch()
	var l lightOrder
	if err == nil {
		l, err = readLight(r.object, status.Can(clock.CanFade))
	}
	list, window := l.edits(), status.Light.Window
	paused := darkens(window) && slices.Contains(list, clock.Edit{Key: displayOn, Value: true})
	if paused {
		list = append(list, clock.Edit{Key: nightPaused, Value: true})
	}
	x := d.set(ctx, r, lightForm, list, err)
	if paused && x.err == nil {
		x.note = strings.TrimSuffix("state: the window "+window+" is paused until it ends; "+x.note, "; ")
	}
	return x
}

// darkens reports whether a window of the night has nothing lit.
func darkens(window string) bool {
	all, err := clock.ParseWindows(window)
	return err == nil && len(all) > 0 && all[0].Off
}

// A lightOrder is what is asked of it; nil is nothing.
type lightOrder struct {
	on, smooth *bool
	level      *int
}

func readLight(o object, fades bool) (l lightOrder, err error) {
	if l.on, err = oneOf(o, "state", "ON", "OFF"); err != nil {
		return lightOrder{}, err
	}
	if l.smooth, err = oneOf(o, "effect", "smooth", "instant"); err != nil {
		return lightOrder{}, err
	}
	if l.smooth != nil && !fades {
		return lightOrder{}, &clock.UnavailableError{Code: "no_fades", Text: "effect: this clock cannot fade"}
	}
	if v, ok := o["color_mode"]; ok && v != "brightness" {
		return lightOrder{}, wants("color_mode", v, "brightness")
	}
	if v, ok := o["brightness"]; ok {
		n, whole := wholeNumber(v)
		if !whole || n < 0 || n > 255 {
			return lightOrder{}, wants("brightness", v, "0 to 255")
		}
		l.level = &n
	}
	return l, nil
}

// edits returns the settings that make the light so. Brightness alone turns it on, as
// Home Assistant has it.
func (l lightOrder) edits() (list []clock.Edit) {
	on := l.on
	if l.level != nil {
		if *l.level > 0 {
			list = append(list, clock.Edit{Key: global, Value: max(*l.level, int(clock.MinLevel))})
		}
		if lit := *l.level > 0; on == nil || !lit {
			on = &lit
		}
	}
	if on != nil {
		list = append(list, clock.Edit{Key: displayOn, Value: *on})
	}
	if l.smooth != nil {
		list = append(list, clock.Edit{Key: fades, Value: *l.smooth})
	}
	return list
}

// oneOf returns whether the value of a key is yes; nil if there is none.
func oneOf(o object, name, yes, no string) (*bool, error) {
	v, ok := o[name]
	switch {
	case !ok:
		return nil, nil
	case v == yes || v == no:
		is := v == yes
		return &is, nil
	}
	return nil, wants(name, v, yes+" or "+no)
}

func wants(name string, v any, what string) error {
	return &clock.InvalidError{Key: name, Text: fmt.Sprintf("%s: want %s", printable(string(compact(v))), what)}
}
