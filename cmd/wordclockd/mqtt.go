package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
	"wordclockd/internal/mqttbridge"
	"wordclockd/internal/nvs"
)

func newMQTT() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mqtt",
		Short: "Look at what the clock says over MQTT",
		Long: `Look at what the clock says over MQTT. Whether it is connected is a line of
"wordclockd status"; what is wrong with the broker says "wordclockd doctor mqtt".
Topics, payloads and commands are in docs/mqtt.md.`,
		Args:                       cobra.ArbitraryArgs,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noVerb(cmd, args[0])
		},
	}
	cmd.AddCommand(newMQTTDiscovery())
	return cmd
}

func newMQTTDiscovery() *cobra.Command {
	return &cobra.Command{
		Use:   "discovery",
		Short: "Print what Home Assistant is told of the clock",
		Long: `Print the message by which Home Assistant finds the clock, topic and payload: that of
the running clock, else what one of this configuration would publish. It is in the
broker as a retained message; nothing is published now.`,
		Example:     "  wordclockd mqtt discovery\n  wordclockd mqtt discovery --json | jq .payload.cmps",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitInterrupted),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := discoveryOf(cmd)
			if err != nil {
				return fmt.Errorf("mqtt discovery: %w", err)
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, d)
			}
			var b bytes.Buffer
			if err := json.Indent(&b, d.Payload, "", "  "); err != nil {
				return fmt.Errorf("mqtt discovery: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", d.Topic, &b)
			return err
		},
	}
}

// discoveryOf asks the clock that runs, which knows what it has, else makes one up.
func discoveryOf(cmd *cobra.Command) (control.Discovery, error) {
	busy, err := running(cmd)
	if err != nil {
		return control.Discovery{}, err
	}
	if busy {
		return clientOf(cmd).Discovery(cmd.Context())
	}
	c, err := loadConfig(cmd)
	if err != nil {
		return control.Discovery{}, err
	}
	id, err := storedID(stateOf(cmd))
	if err != nil {
		return control.Discovery{}, err
	}
	return machine.New(machine.Config{Config: c.Config, Desc: self}).Discovery(id)
}

// storedID returns the id that a clock keeps, "" if there is none.
func storedID(state machine.State) (id string, err error) {
	err = readNVS(state, func(tx *nvs.Tx) error {
		if tx != nil {
			id, _ = nvs.MQTTClientID.Get(tx) // what is of another type is replaced at the next start
		}
		return nil
	})
	return id, err
}

// linkOf returns the connection of the clock that runs, nil if none does; a clock of
// which nothing can be known may be one.
func linkOf(cmd *cobra.Command) *control.MQTT {
	busy, err := running(cmd)
	if err == nil && !busy {
		return nil
	}
	s, err := statusSoon(cmd)
	if err != nil {
		return &control.MQTT{}
	}
	return &s.MQTT
}

// bridgeOf returns how the clock of a configuration presents itself.
func bridgeOf(cmd *cobra.Command, c config.Config, link *control.MQTT) mqttbridge.Config {
	id := c.MQTT.DeviceID
	if link != nil {
		id = cmp.Or(link.ClientID, id)
	}
	if id == "" {
		id, _ = storedID(stateOf(cmd)) // what cannot be read was said with the preference
	}
	return mqttbridge.Config{MQTT: c.MQTT, Device: c.Device.Name, ID: cmp.Or(id, c.Device.Name), Program: version}
}

// printMQTT prints how far the connection to the broker is, and what to do about that.
func printMQTT(row func(name, format string, args ...any), m control.MQTT) {
	row("mqtt", "%s", mqttLine(m))
	if len(m.Refused) > 0 {
		row("mqtt refused", "%s: allow them in the broker's ACL", strings.Join(m.Refused, " "))
	}
	if m.Twin {
		row("mqtt twin", "another client seems to be %s: give one of both another device.name or mqtt.device_id", m.ClientID)
	}
}

func mqttLine(m control.MQTT) string {
	switch m.State {
	case clock.LinkUp.String():
		text := fmt.Sprintf("connected to %s as %s since %s", m.Broker, m.ClientID, m.Since)
		if m.Losses > 0 {
			text += fmt.Sprintf(", lost %d times before", m.Losses)
		}
		return text
	case clock.LinkDown.String():
		if m.Error == "" {
			return fmt.Sprintf("connects to %s since %s", m.Broker, m.Since)
		}
		return fmt.Sprintf("not connected to %s since %s: %s", m.Broker, m.Since, m.Error)
	}
	return m.State
}
