package clock

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Command is something that the clock is to do now.
type Command struct {
	Name string            // of a Spec, or an alias of it
	Args map[string]string // by the name of the parameter
}

// A Spec says what a command is, as every front end offers it.
type Spec struct {
	Name    string
	Aliases []string // of older documents
	Doc     string
	Params  []Param
	Needs   Capability
}

// A Param is an argument that a command may be given.
type Param struct {
	Name, Doc string
	Kind      Kind
	Options   []string
	Local     bool // only for who is on the host already
}

// Names of commands.
const (
	Restart      = "restart"
	ForceNTPSync = "force_ntp_sync"
	CheckOTA     = "ota_check_update"
	StartOTA     = "ota_start_update"
	CancelOTA    = "ota_cancel_update"
	ConfirmOTA   = "ota_confirm"
	RollBackOTA  = "ota_rollback"
	CheckHealth  = "health_check"
	ResetWiFi    = "reset_wifi"
	ClearJournal = "error_log_clear"

	SetTime        = "set_time"
	RefreshSensors = "refresh_sensors"
	StartDemo      = "test_transitions_start"
	StopDemo       = "test_transitions_stop"
	ResetLEDs      = "tlc_hardware_reset"
	TestAudio      = "test_audio"
	TestAudioFile  = "test_audio_file"
	TestChimes     = "chimes_test"
	ListChimes     = "list_chime_files"
)

// Commands lists all commands.
var Commands = []Spec{
	{Name: Restart, Doc: "start the clock's firmware anew; settings and face stay"},
	{Name: ForceNTPSync, Aliases: []string{"sync_time"}, Doc: "have the time servers asked now; the status shows what they say"},
	{Name: CheckOTA, Aliases: []string{"check_ota_update"}, Doc: "look for newer firmware", Params: []Param{
		{Name: "source", Doc: "the one to prefer, this time", Kind: Choice, Options: sources[:]},
		{Name: "only", Doc: "ask no other", Kind: Bool},
		{Name: "force", Doc: "an older or equal version counts as available", Kind: Bool},
	}},
	{Name: StartOTA, Doc: "look for newer firmware and install it; the answer is the number of the update, which goes on by itself", Params: []Param{
		{Name: "source", Doc: "the one to prefer, this time", Kind: Choice, Options: sources[:]},
		{Name: "force", Doc: "install an older or equal version, or one that was given up, too; nothing else is skipped", Kind: Bool},
		{Name: "reboot", Doc: "start it when it is installed; true unless it is false", Kind: Bool},
		{Name: "file", Doc: "take this file of the host instead of what the sources have", Kind: Text, Local: true},
	}},
	{Name: CancelOTA, Doc: "give up the update that is under way; once the slot was switched it is too late"},
	{Name: ConfirmOTA, Doc: "keep the image that is on trial"},
	{Name: RollBackOTA, Doc: "give the running image up, and start the other one"},
	{Name: CheckHealth, Doc: "examine the clock now; the answer is its health"},
	{Name: ResetWiFi, Doc: "forget the network; the operating system joins networks, so this needs a hook"},
	{Name: ClearJournal, Doc: "empty the error journal", Params: []Param{
		{Name: "what", Doc: "the entries, or the counters", Kind: Choice, Options: []string{"entries", "stats"}},
	}},
	{Name: SetTime, Doc: "set the RTC of a clock that no time server reaches; the date stays, unless it is named", Needs: HasRTC, Params: []Param{
		{Name: "time", Doc: "HH:MM, or YYYY-MM-DD HH:MM, of the clock's zone", Kind: Text},
	}},
	{Name: RefreshSensors, Doc: "read light sensor and knob now"},
	{Name: StartDemo, Doc: "show 14:00 to 15:00 in steps of five minutes, one each ten seconds, until it is stopped"},
	{Name: StopDemo, Doc: "show the time again"},
	{Name: ResetLEDs, Doc: "reset the LED drivers by their reset line, and draw the face anew", Needs: HasReset},
	{Name: TestAudio, Doc: "a tone of 440 Hz for two seconds", Needs: HasSpeaker},
	{Name: TestAudioFile, Doc: "play test.pcm of chimes.folder", Needs: HasSpeaker},
	{Name: TestChimes, Doc: "strike, whatever is set", Needs: CanChime, Params: []Param{
		{Name: "what", Doc: "what to strike; three strokes by default", Kind: Choice, Options: []string{"strike", "quarter", "half", "quarter_to", "hour"}},
	}},
	{Name: ListChimes, Doc: "what is in chimes.folder; the answer is the list of its files"},
}

// SpecOf returns the spec of a command by its name or an alias.
func SpecOf(name string) (*Spec, error) {
	var names []string
	for i := range Commands {
		if c := &Commands[i]; c.Name == name || slices.Contains(c.Aliases, name) {
			return c, nil
		}
		names = append(names, Commands[i].Name)
	}
	return nil, invalid(name, "no such command, there are %s", strings.Join(names, ", "))
}

// Resolve returns c by its proper name and with its arguments as its spec has
// them, if they are of it.
func (c Command) Resolve() (Command, error) {
	spec, err := SpecOf(c.Name)
	if err != nil {
		return Command{}, err
	}
	c.Args = maps.Clone(c.Args)
	for name, value := range c.Args {
		at := slices.IndexFunc(spec.Params, func(p Param) bool { return p.Name == name })
		if at < 0 {
			return Command{}, invalid(spec.Name, "has no argument %q", name)
		}
		var err error
		if c.Args[name], err = spec.Params[at].canonical(value); err != nil {
			return Command{}, invalid(spec.Name, "%s %q: %v", name, value, err)
		}
	}
	c.Name = spec.Name
	return c, nil
}

// canonical returns a value as the table has it.
func (p Param) canonical(value string) (string, error) {
	switch p.Kind {
	case Bool:
		if value != "true" && value != "false" {
			return "", errors.New("want true or false")
		}
	case Choice:
		i := slices.IndexFunc(p.Options, func(o string) bool { return strings.EqualFold(o, value) })
		if i < 0 {
			return "", fmt.Errorf("want %s", strings.Join(p.Options, " or "))
		}
		return p.Options[i], nil
	}
	return value, nil
}

// An UnavailableError is what somebody asked for in good order, and the clock
// cannot do. Its code is the token that stands for it on the wire.
type UnavailableError struct{ Code, Text string }

func (e *UnavailableError) Error() string { return e.Text }

// Is compares codes.
func (e *UnavailableError) Is(other error) bool {
	o, ok := other.(*UnavailableError)
	return ok && o.Code == e.Code
}
