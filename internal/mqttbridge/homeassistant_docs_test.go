package mqttbridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/clock"
)

// TestHomeAssistantDocument holds that docs/homeassistant.md has the entities of the
// tables.
func TestHomeAssistantDocument(t *testing.T) {
	golden(t, "../../docs/homeassistant.md", homeAssistantDocument(t))
}

// need says for people what a capability is.
var need = map[clock.Capability]string{
	clock.HasRTC: "RTC", clock.HasLight: "light sensor", clock.HasKnob: "knob", clock.HasReset: "reset line of the LED drivers",
	clock.CanFade: "fades", clock.CanAdapt: "brightness by the light sensor", clock.CanTurn: "brightness by the knob",
	clock.CanValidate: "LED validation", clock.CanChime: "chimes",
}

func homeAssistantDocument(t *testing.T) string {
	v := profileView("NAME", "linux", profiles[2].has)
	table := "| entity | kind | unique_id ends in | where | what |\n| --- | --- | --- | --- | --- |\n"
	for _, e := range entities(v) {
		name := "(the device)"
		if e.config.Name != nil {
			name = *e.config.Name
		}
		var needs []string
		for _, c := range e.needs {
			if need[c] == "" {
				t.Errorf("%s: there are no words for capability %d", e.id, c)
			}
			needs = append(needs, need[c])
		}
		where := "every clock"
		if needs != nil {
			where = strings.Join(needs, " or ")
		}
		table += fmt.Sprintf("| %s | %s | `%s` | %s | %s |\n", name, e.config.Platform, strings.TrimPrefix(e.unique(v.names), v.id+"_"), where, purpose(e))
	}
	old := oldEntities(t)
	kept := slices.DeleteFunc(slices.Clone(old), func(o oldEntity) bool {
		return !slices.ContainsFunc(entities(v), func(e entity) bool {
			return e.config.Platform == o.platform && e.unique(v.names) == v.id+"_"+o.suffix
		})
	})
	text := strings.NewReplacer(
		"TABLE\n", table, "OLD", fmt.Sprint(len(old)), "KEPT", fmt.Sprint(len(kept)),
		"ALL", fmt.Sprint(len(entities(v))), "LEAST", fmt.Sprint(len(announced(profileView("NAME", "linux", nil)))),
	)
	return text.Replace(homeAssistantGuide)
}

// purpose says what an entity shows or does: what is behind it.
func purpose(e entity) string {
	c := e.config
	var says []string
	switch {
	case c.PayloadPress != "" || c.PayloadInstall != "":
		says = append(says, "sends `"+c.PayloadPress+c.PayloadInstall+"`")
	case c.Min != nil && c.Platform == "number":
		says = append(says, strings.TrimSpace(fmt.Sprintf("%d to %d %s", *c.Min, *c.Max, c.Unit)))
	case c.EventTypes != nil:
		says = append(says, strings.Join(c.EventTypes, ", "))
	case c.Options != nil:
		says = append(says, strings.Join(c.Options, ", "))
	case c.EffectList != nil:
		says = append(says, "on and off, brightness of the whole face; with fades, effects "+strings.Join(c.EffectList, ", "))
	case c.Unit != "":
		says = append(says, "in "+c.Unit)
	case c.DeviceClass == "timestamp":
		says = append(says, "a time")
	case c.DeviceClass == "problem":
		says = append(says, "on is a problem")
	}
	for _, topic := range []string{c.StateTopic, c.ImageTopic, c.CommandTopic} {
		if topic != "" {
			says = append(says, "topic `"+topic+"`")
			break
		}
	}
	if c.Enabled != nil && !*c.Enabled {
		says = append(says, "not enabled at first")
	}
	return strings.Join(says, "; ")
}

const homeAssistantGuide = `# Home Assistant

The clock is a device of Home Assistant's MQTT integration, version 2024.12 or later of
Home Assistant. Nothing is written in its configuration: as soon as both are connected
to one broker, the clock appears under *Settings → Devices & services → MQTT*.

## How it appears

1. Have a broker that Home Assistant is connected to, such as its Mosquitto add-on, and a
   user for the clock there.
2. Tell the clock of it in its configuration (` + "`mqtt:` in [configuration.md](configuration.md)" + `):

       mqtt:
         url: mqtts://broker.example:8883
         username: clock
         password_file: mqtt-password

3. Start the clock. ` + "`wordclockd status`" + ` says whether it is connected, ` + "`wordclockd doctor mqtt`" + `
   why not, and ` + "`wordclockd mqtt discovery`" + ` prints what Home Assistant is told.

The clock announces itself with one retained message on
` + "`homeassistant/device/ID/config`" + `, at each connect and again when Home Assistant starts.
The ID is the clock's name and the end of a hardware address, such as
` + "`Clock_Stani_1_5A1E74`" + `. All entities are unavailable while the clock is not connected:
its broker says so for it within 90 s of a power cut. *Illuminance* and those of the knob
are, too, while their sensor cannot be read.

## Entities

There are ALL. A clock announces those of its hardware and of what it can do, LEAST of
them in any case; *where* says what the others need. Names, icons, rooms and entity ids
can be changed in Home Assistant and stay, as they go by the unique_id: the clock's ID,
` + "`_`" + ` and what is below. Topics begin with ` + "`home/NAME/`" + `, and are described in
[mqtt.md](mqtt.md).

TABLE

Settings are the same as those of the command line ([settings.md](settings.md)): what is
changed there or by an automation shows up here, and the reverse. A value
that the clock refuses is not taken over; the entity goes on to show what holds.

The brightness of the display and *LED level* show what is in force, wherever it comes from.
Who sets them sets them by hand: they hold until the light or the knob moves, or *Manual
levels hold for* is over. *Automatic brightness* and *Automatic LED level* are off for so
long, and turning them on gives the level back at once. Turned off, they hold the level of
the moment. Turning the display on in a window of the night that is ` + "`off`" + ` turns *Pause
night window* on, up to the end of that window. In one that is ` + "`dim`" + ` the brightness stays at what
the window allows, and what is set counts afterwards. *Night windows* has room for 255 letters: what is
longer is set by [MQTT](mqtt.md#nightset) or the command line, and not shown.

*LED level* above *LED safety limit* is limited to it. What a problem consists of stands in
the attribute ` + "`details`" + ` of its entity.

## Updates

*Firmware* is Home Assistant's own kind of entity for updates: it shows both versions and
what is new, installs, and shows progress. *OTA Firmware Source* is where firmware is
looked for first. After the restart *Firmware trial* is ` + "`trial`" + ` until the clock has
examined itself, then ` + "`validated`" + `; or ` + "`rolled_back`" + `, and the event *Firmware events* says
why. An automation that tells of it:

    triggers:
      - trigger: state
        entity_id: event.word_clock_clock_stani_1_firmware_events
        not_from: unavailable
    conditions: "{{ trigger.to_state.attributes.event_type == 'ota_rolled_back' }}"
    actions:
      - action: notify.notify
        data:
          message: "The word clock went back to {{ trigger.to_state.attributes.to }}: {{ trigger.to_state.attributes.reason }}"

Without ` + "`not_from`" + ` it would tell of the last event again after each loss of the connection.

*Last update error* is what went wrong last, *Update sources unreachable* is on when
neither source answered the last check.

## Moving from the old clock

The old firmware announced OLD entities in as many messages. A clock of the same name
finds them at its first connect, takes over the old clock's ID, and moves them: KEPT of
them go on with their histories, names and rooms, as far as this clock has what they need.
The others were replaced, and are removed:

| old entity | now |
| --- | --- |
| Firmware Version, Update Available, Start Update | *Firmware* |
| Chime Status | *Westminster chimes* |
| Set Time (button) | *Set clock time* (text) |

Entity ids stay as they were, with the old names in them. Home Assistant should run
meanwhile: what is removed while it does not stays there as *no longer provided*, and can be
deleted by hand. Turn the old clock off first, as it would announce itself again.

Entities of what this clock cannot do are removed, too. Home Assistant gives them their
entity ids again, should they come back.

## Several clocks

Each clock needs a name of its own (` + "`device.name`" + `): topics are made of it. Old clocks all
wrote to the same discovery topics, so that only the one that connected last was there;
a message that is another clock's is let alone.

## Removing it

With ` + "`mqtt.discovery: off`" + ` the clock takes itself out of Home Assistant at the next connect,
and goes on to publish its topics. To remove a clock that is gone for good, delete the
device in Home Assistant, which clears the retained message, too.

An entity whose hardware was unplugged stays until Home Assistant starts anew, and can be
deleted then.
`
