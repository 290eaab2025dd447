package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"wordclockd/internal/clock"
)

// TestSettingsDocument holds that docs/settings.md is what the tables say.
func TestSettingsDocument(t *testing.T) {
	want := settingsDocument()
	if *update {
		if err := os.WriteFile("../../docs/settings.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "docs/settings.md") != want {
		t.Error("docs/settings.md is not what clock.Fields and clock.Commands say: go test ./cmd/wordclockd -run Settings -update")
	}
}

func settingsDocument() string {
	var b strings.Builder
	b.WriteString(`# Settings and commands

What a user changes at run time, and what the clock can be told to do. Every front
end has the same names and units. Settings are stored when a change is answered,
and survive restarts; of a change to several, all are made, or none.

    wordclockd set KEY VALUE [KEY VALUE ...]
    wordclockd do COMMAND [NAME=VALUE ...]

## Settings

| key | values | default | what |
| --- | --- | --- | --- |
`)
	s := clock.DefaultSettings()
	for _, f := range clock.Fields {
		values := rangeOf(f)
		if f.Unit != "" {
			values += " in " + f.Unit
		}
		fmt.Fprintf(&b, "| `%s` | %s | %v | %s |\n", f.Key, values, f.Get(&s), f.Doc)
	}
	b.WriteString("\n## Commands\n\n| command | arguments | what |\n| --- | --- | --- |\n")
	for _, c := range clock.Commands {
		var params []string
		for _, p := range c.Params {
			kind := strings.Join(p.Options, ", ")
			switch p.Kind {
			case clock.Bool:
				kind = "true, false"
			case clock.Text:
				kind = "text"
			}
			params = append(params, fmt.Sprintf("`%s`: %s (%s)", p.Name, p.Doc, kind))
		}
		doc := c.Doc
		if len(c.Aliases) > 0 {
			doc += "; also `" + strings.Join(c.Aliases, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, strings.Join(params, "; "), doc)
	}
	return b.String()
}
