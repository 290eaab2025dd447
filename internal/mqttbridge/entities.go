package mqttbridge

import (
	"slices"

	"wordclockd/internal/clock"
)

// A component is what Home Assistant is told of one entity, in its own words; keys that
// many have are the short ones that it takes instead. What is empty is left out, and is
// what Home Assistant takes for granted.
type component struct {
	Platform string  `json:"p"`
	UniqueID string  `json:"uniq_id"`
	EntityID string  `json:"def_ent_id,omitempty"` // a wish; empty: as Home Assistant makes it of the names
	Name     *string `json:"name"`                 // nil: the entity is called like the device

	StateTopic         string `json:"stat_t,omitempty"`
	ValueTemplate      string `json:"val_tpl,omitempty"`
	CommandTopic       string `json:"cmd_t,omitempty"`
	CommandTemplate    string `json:"cmd_tpl,omitempty"`
	AttributesTopic    string `json:"json_attr_t,omitempty"`
	AttributesTemplate string `json:"json_attr_tpl,omitempty"`
	ImageTopic         string `json:"image_topic,omitempty"`
	ContentType        string `json:"content_type,omitempty"`

	PayloadOn      string `json:"pl_on,omitempty"`
	PayloadOff     string `json:"pl_off,omitempty"`
	StateOn        string `json:"stat_on,omitempty"`
	StateOff       string `json:"stat_off,omitempty"`
	PayloadPress   string `json:"pl_prs,omitempty"`
	PayloadInstall string `json:"payload_install,omitempty"`

	Options    []string `json:"ops,omitempty"`
	EventTypes []string `json:"event_types,omitempty"`
	Min        *int     `json:"min,omitempty"`
	Max        *int     `json:"max,omitempty"`
	Step       int      `json:"step,omitempty"`
	Pattern    string   `json:"pattern,omitempty"`

	Schema     string   `json:"schema,omitempty"`
	ColorModes []string `json:"supported_color_modes,omitempty"`
	Effect     bool     `json:"effect,omitempty"`
	EffectList []string `json:"effect_list,omitempty"`
	Flash      *bool    `json:"flash,omitempty"`
	Transition *bool    `json:"transition,omitempty"`

	DeviceClass string `json:"dev_cla,omitempty"`
	StateClass  string `json:"stat_cla,omitempty"`
	Unit        string `json:"unit_of_meas,omitempty"`
	Precision   *int   `json:"suggested_display_precision,omitempty"`
	Title       string `json:"title,omitempty"`
	Icon        string `json:"ic,omitempty"`
	Category    string `json:"ent_cat,omitempty"`
	Enabled     *bool  `json:"en,omitempty"`

	Availability     []availability `json:"avty,omitempty"` // empty: that of the device
	AvailabilityMode string         `json:"avty_mode,omitempty"`
}

// An entity is a component that a clock may have.
type entity struct {
	id     string             // of the component
	suffix string             // of the unique_id, where the old clock had another one than id
	needs  []clock.Capability // one of them is enough; none is every clock
	unless string             // this key of problems is true, it is unavailable
	config component          // topics are paths; ids are filled in
}

// entities are all that there are, whether this clock has what they need or not.
// Unique ids never change: Home Assistant knows names, rooms and histories by them, those
// of the old clock's entities too.
func entities(v view) []entity {
	return slices.Concat([]entity{light(v), picture, firmware}, settings(), buttons, sensors, firmwareSensors, problems())
}

// announced are the entities of this clock.
func announced(v view) []entity {
	return slices.DeleteFunc(entities(v), func(e entity) bool {
		return len(e.needs) > 0 && !slices.ContainsFunc(e.needs, v.Can)
	})
}

// unique returns the entity's unique_id.
func (e entity) unique(n names) string {
	if e.suffix != "" {
		return n.id + "_" + e.suffix
	}
	return n.id + "_" + e.id
}

// component returns the entity's configuration for this clock.
func (e entity) component(n names) component {
	c := e.config
	c.UniqueID = e.unique(n)
	if c.Name == nil || slug(*c.Name) != e.id {
		c.EntityID = c.Platform + "." + slug(deviceName(n.device)) + "_" + e.id
	}
	for _, topic := range []*string{&c.StateTopic, &c.CommandTopic, &c.AttributesTopic, &c.ImageTopic} {
		if *topic != "" {
			*topic = n.base + "/" + *topic
		}
	}
	if e.unless != "" {
		works := availability{n.base + "/problems", "{{ 'offline' if value_json['" + e.unless + "'] else 'online' }}"}
		c.Availability, c.AvailabilityMode = []availability{present(n), works}, "all"
	}
	return c
}
