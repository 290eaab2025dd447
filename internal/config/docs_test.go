package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// TestDocs holds that docs/configuration.md is made from the table of keys.
func TestDocs(t *testing.T) {
	const name = "../../docs/configuration.md"
	want := document(t)
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table of keys says: go test ./internal/config -run Docs -update", name)
	}
}

// TestDocumentedFiles holds that the files of the document are configurations,
// the last of them that of the defaults.
func TestDocumentedFiles(t *testing.T) {
	var files []string
	for i, part := range strings.Split(document(t), "```") {
		if file, ok := strings.CutPrefix(part, "yaml\n"); i%2 == 1 && ok {
			files = append(files, file)
		}
	}
	if len(files) != 2 {
		t.Fatalf("%d files, want 2", len(files))
	}
	var last *Loaded
	for _, file := range files {
		l, err := Parse("c.yaml", []byte(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		last = l
	}
	if !equal(last.Config, defaults(t).Config) {
		t.Errorf("the documented defaults are %+v", last.Config)
	}
}

// document returns docs/configuration.md.
func document(t *testing.T) string {
	var b strings.Builder
	b.WriteString(intro)
	section := ""
	for _, k := range keys {
		name, _, _ := strings.Cut(k.name, ".")
		if name != section {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| key | default | takes | meaning |\n| --- | --- | --- | --- |\n", name, about[name])
			section = name
		}
		value := "empty"
		if k.initial != "" {
			value = "`" + strings.ReplaceAll(k.initial, ",", ", ") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, value, k.want, k.doc)
	}
	fmt.Fprintf(&b, "\n## The defaults as a file\n\n```yaml\n%s```\n", defaults(t).YAML(false))
	return b.String()
}

// about says what a section is for.
var about = map[string]string{
	"device": "How the clock presents itself.",
	"board":  "What the clock runs on. Pins and bus numbers matter for `kind: linux` only.",
	"button": "The button. What it does is done by the clock itself; `reset_wifi` needs a hook.",
	"hooks":  "Programs that do what the clock leaves to the operating system. They are run without a shell, without arguments, in `/`, with `PATH` alone in their environment, for 30 s at most; exit status 0 is success.",
	"time":   "Where the time comes from.",
	"mqtt":   "The broker that the clock connects to, and what it is told there.",
	"broker": "The broker that the clock brings along, for `mqtt.url: embedded`. If its default port is taken, it listens on the next one that is free; one that was configured has to be. With `mqtt.username` it asks everybody for name and password, and beyond this host it only listens with them.",
	"http":   "The web page.",
	"ota":    "Where firmware comes from, and how.",
	"health": "When new firmware is examined. It is confirmed by the first examination that it passes.",
	"chimes": "Sounds.",
	"log":    "How the program reports.",
}

const intro = `# Configuration

wordclockd runs without any configuration, as a virtual clock. The file holds
wiring and addresses; brightness and whatever else a user changes while the clock
runs is not in it.

` + "```yaml" + `
# /etc/wordclockd/config.yaml of a clock on a Raspberry Pi
device:
  name: Wohnzimmer
board:
  kind: linux
  sensors_bus: 1
mqtt:
  url: mqtts://broker.example:8883
  username: clock
  password_file: mqtt-password
` + "```" + `

## Where values come from

A later one of these overrides those before:

1. the defaults below;
2. the file: that of ` + "`--config FILE`" + `, which must exist, else ` + "`config.yaml`" + `, which need
   not, in ` + "`$CONFIGURATION_DIRECTORY`" + ` (systemd sets it), for root in ` + "`/etc/wordclockd`" + `,
   for others in ` + "`$XDG_CONFIG_HOME/wordclockd`" + ` (` + "`~/.config/wordclockd`" + `);
3. the environment: the key ` + "`board.leds_bus`" + ` is the variable
   ` + "`WORDCLOCKD_BOARD_LEDS_BUS`" + `; a list is separated by commas;
4. flags such as ` + "`--board`" + `.

` + "`wordclockd config show --origin`" + ` prints all values and where each comes from,
` + "`config check`" + ` looks for mistakes and for files that are not there, and
` + "`config schema`" + ` prints a JSON Schema for editors.

## What a file may hold

YAML mappings, lists and single values; no anchors, aliases, tags, blocks of text or
second document, and no tabs as indentation. Whatever is not known, said twice or
does not fit is an error that names file, line and column and the nearest key there
is; then nothing of the file is used. Numbers, true and false are written without
quotes. A duration needs a unit: ` + "`90s`, `1h30m`" + `.

Passwords and tokens stand in files of their own, alone in one line of up to 4096
bytes, never in the configuration or in a URL; that of ` + "`mqtt.username`" + ` may be in the
variable ` + "`WORDCLOCKD_MQTT_PASSWORD`" + ` instead. A relative path begins at the
configuration file, or at the working directory if it comes from the environment.
The files of secrets (` + "`mqtt.password_file`, `mqtt.key_file`, `http.token_file`" + `) are looked for in
` + "`$CREDENTIALS_DIRECTORY`" + ` instead if that is set, as systemd does for a unit with

` + "```ini" + `
[Service]
LoadCredential=mqtt-password:/etc/wordclockd/mqtt-password
` + "```" + `

## Keys
`
