package mqttbridge

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/clock"
)

var update = flag.Bool("update", false, "write docs anew that are made from tables")

// TestDocs holds that docs/mqtt.md is made from the tables of topics and commands.
func TestDocs(t *testing.T) {
	golden(t, "../../docs/mqtt.md", document())
}

// TestDocumentedCommands holds that each command that the document shows is taken, and
// that each that is taken has a line.
func TestDocumentedCommands(t *testing.T) {
	lines := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)").FindAllStringSubmatch(section(document(), "## Commands"), -1) {
		lines[m[1]] = true
		if _, _, err := commandOf(m[1]); err != nil && m[1] != "chimes_volume_" {
			t.Errorf("documented: %v", err)
		}
	}
	for _, c := range commands {
		if !lines[c.name] && !lines[c.name+c.blank] {
			t.Errorf("%s is not documented", c.name)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^(\{.*\}|[a-z_]+) ?#`).FindAllStringSubmatch(document(), -1) {
		if _, _, err := readCommand(topicOf("command"), []byte(m[1])); err != nil {
			t.Errorf("example: %v", err)
		}
	}
}

// section returns a part of the document, up to the next heading.
func section(text, title string) string {
	_, text, _ = strings.Cut(text, "\n"+title+"\n")
	text, _, _ = strings.Cut(text, "\n##")
	return text
}

// document returns docs/mqtt.md.
func document() string {
	var b strings.Builder
	b.WriteString(docsIntro)
	writeTopics(&b, "What the clock publishes", docsPublished, func(t topic) bool { return t.take == nil })
	writeTopics(&b, "What the clock takes", docsTaken, func(t topic) bool { return t.take != nil })
	b.WriteString(docsStatus)
	writeCommands(&b)
	b.WriteString(docsRest)
	return b.String()
}

func writeTopics(b *strings.Builder, title, about string, shown func(topic) bool) {
	fmt.Fprintf(b, "\n## %s\n%s\n| topic | QoS | retained | what |\n| --- | --- | --- | --- |\n", title, about)
	for _, t := range topics {
		if shown(t) {
			fmt.Fprintf(b, "| [`%s`](#%s) | %d | %s | %s |\n", t.path, anchor(t.path), t.qos, yes(t.retain), t.doc)
		}
	}
	for _, t := range topics {
		if shown(t) {
			writeTopic(b, t)
		}
	}
}

// anchor is how GitHub calls a heading.
func anchor(path string) string { return strings.ReplaceAll(path, "/", "") }

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func writeTopic(b *strings.Builder, t topic) {
	fmt.Fprintf(b, "\n### %s\n\n%s", t.path, t.doc)
	if t.when != "" {
		fmt.Fprintf(b, " Published %s.", t.when)
	}
	if t.needs != clock.NoNeed {
		fmt.Fprintf(b, " Without effect on a clock without %s.", needs[t.needs])
	}
	b.WriteString("\n")
	switch {
	case t.text != "" && t.keys != nil:
		fmt.Fprintf(b, "\nA JSON object; or %s.\n", t.text)
	case t.text != "":
		fmt.Fprintf(b, "\nPayload: %s.\n", t.text)
	}
	writeKeys(b, t.keys)
	if strings.HasPrefix(t.sample, "{") {
		fmt.Fprintf(b, "\n```json\n%s\n```\n", t.sample)
	}
	if t.take != nil {
		writeWords(b, *t.take)
	}
}

// needs says what a capability is.
var needs = map[clock.Capability]string{
	clock.CanAdapt:    "a light sensor",
	clock.CanTurn:     "a knob",
	clock.CanFade:     "fades",
	clock.CanChime:    "chimes",
	clock.CanValidate: "a read-back of its LEDs",
	clock.HasRTC:      "a battery-backed clock",
	clock.HasReset:    "a reset line of its LED drivers",
	clock.HasSpeaker:  "a loudspeaker",
}

func writeKeys(b *strings.Builder, keys []key) {
	if keys == nil {
		return
	}
	b.WriteString("\n| key | value | meaning |\n| --- | --- | --- |\n")
	for _, k := range keys {
		takes, doc := explained(k)
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.name, takes, doc)
	}
}

// explained returns what a key takes and means, by its field if it has one.
func explained(k key) (takes, doc string) {
	f, err := clock.FieldOf(k.field)
	if err != nil {
		return k.takes, k.doc
	}
	switch f.Kind {
	case clock.Integer:
		takes = fmt.Sprintf("integer, %d to %d", f.Min, f.Max)
		if f.Unit != "" && f.Unit != "1/255" { // which a level is
			takes += " " + f.Unit
		}
	case clock.Choice:
		takes = "`" + strings.Join(f.Options, "`, `") + "`"
	case clock.Text:
		takes = fmt.Sprintf("text of up to %d bytes", f.Max)
	default:
		takes = f.Kind.String()
	}
	if k.doc != "" {
		return takes, k.doc
	}
	return takes, f.Doc
}

func writeWords(b *strings.Builder, t taking) {
	var echo, words []string
	for _, p := range t.echo {
		echo = append(echo, "`"+p+"`")
	}
	for _, w := range t.words {
		words = append(words, w.all()...)
	}
	if echo != nil {
		fmt.Fprintf(b, "\nFollowed by %s.", strings.Join(echo, ", "))
	}
	if words != nil {
		slices.Sort(words)
		fmt.Fprintf(b, " On `status`: %s.", quoted(slices.Compact(words)))
	}
	if echo != nil {
		b.WriteString("\n")
	}
}

func quoted(list []string) string {
	if len(list) == 0 {
		return "–"
	}
	return "`" + strings.Join(list, "`, `") + "`"
}

func writeCommands(b *strings.Builder) {
	b.WriteString(docsCommands)
	b.WriteString("\n| text | what it does | on `status` | if it does not |\n| --- | --- | --- | --- |\n")
	for _, c := range commands {
		done, failed := c.done, slices.DeleteFunc(append(slices.Clone(c.failed), c.invalid), func(s string) bool { return s == "" })
		if begin := []string{c.begin}; c.begin != "" {
			done = append(begin, done...)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", forms(c), does(c), quoted(done), quoted(failed))
	}
	b.WriteString(docsParameters)
	b.WriteString("\n| command | parameter | value | meaning |\n| --- | --- | --- | --- |\n")
	for _, c := range commands {
		if c.name == "set_config" {
			continue // all settings
		}
		for _, k := range c.params() {
			takes, doc := explained(k)
			fmt.Fprintf(b, "| `%s` | `%s` | %s | %s |\n", c.name, k.name, takes, doc)
		}
	}
	b.WriteString("\nThe parameters of `set_config`, which `get_config` answers with:\n")
	writeKeys(b, fieldKeys())
}

// forms returns the texts of a command.
func forms(c command) string {
	text := "`" + c.name + "`"
	if c.param != "" {
		text = "`" + c.name + c.blank + c.shape + "`"
	}
	for _, a := range c.aliases {
		text += ", `" + a + "`"
	}
	return text
}

// does says what a command does, and what it needs.
func does(c command) string {
	text, need := c.doc, c.needs
	if spec := c.spec(); spec != nil {
		if text == "" {
			text = spec.Doc
		}
		if need == clock.NoNeed {
			need = spec.Needs
		}
	}
	switch {
	case need == clock.NoNeed:
		return text
	case c.does == "":
		return text + "; without effect on a clock without " + needs[need]
	}
	return text + "; needs " + needs[need]
}
