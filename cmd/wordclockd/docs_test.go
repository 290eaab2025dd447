package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wordclockd/internal/face"
)

var update = flag.Bool("update", false, "write docs/face.svg anew")

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPicture holds that docs/face.svg is the front at 14:37 as it really is.
func TestPicture(t *testing.T) {
	want := svg(face.Say(14, 37, face.Default).Mask())
	if *update {
		if err := os.WriteFile("../../docs/face.svg", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "docs/face.svg") != want {
		t.Error("docs/face.svg is not the front at 14:37: go test ./cmd/wordclockd -run Picture -update")
	}
}

// svg draws the front of the clock.
func svg(lit face.Mask) string {
	const cell, margin = 40, 40
	color := func(on bool) string {
		if on {
			return "#ffe9b0"
		}
		return "#33312d"
	}
	width, height := 2*margin+cell*face.Letters, 2*margin+cell*(face.Rows+1)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="DejaVu Sans, Helvetica, sans-serif" font-size="26" text-anchor="middle">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="12" fill="#161513"/>`+"\n", width, height)
	for row := range face.Rows {
		for col := range face.Letters {
			if letter := face.Letter(row, col); letter != 0 {
				fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%c</text>`+"\n",
					margin+cell*col+cell/2, margin+cell*row+cell*3/4, color(lit.Lit(row, col)), letter)
			}
		}
	}
	for n := range 4 {
		led := face.MinuteLED(n)
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="6" fill="%s"/>`+"\n",
			width/2+cell*(2*n-3)/2, margin+cell*face.Rows+cell*3/4, color(lit.Lit(led.Row, led.Col)))
	}
	return b.String() + "</svg>\n"
}

// TestVersionIsLogged holds that the changelog begins with this version.
func TestVersionIsLogged(t *testing.T) {
	for line := range strings.Lines(read(t, "CHANGELOG.md")) {
		if rest, ok := strings.CutPrefix(line, "## "); ok {
			if got, _, _ := strings.Cut(strings.TrimSpace(rest), " "); got != version {
				t.Errorf("CHANGELOG.md begins with %s, the program is %s", got, version)
			}
			return
		}
	}
	t.Error("CHANGELOG.md has no version")
}

// TestArchitectureNamesEveryRoom holds that the picture and the table agree.
func TestArchitectureNamesEveryRoom(t *testing.T) {
	text := read(t, "docs/architecture.md")
	for name, r := range rooms {
		line := fmt.Sprintf("| `%s` | %d |", name, r.layer)
		if !strings.Contains(text, line) {
			t.Errorf("docs/architecture.md: no line that begins with %s", line)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\d \\|").FindAllStringSubmatch(text, -1) {
		if _, ok := rooms[m[1]]; !ok {
			t.Errorf("docs/architecture.md: names %s, which has no room in the table", m[1])
		}
	}
}

// TestCompatibility holds that docs/compatibility.md has a line for each
// observation of the old firmware, and that what it calls upon is there.
func TestCompatibility(t *testing.T) {
	text := read(t, "docs/compatibility.md")
	for letter, most := range map[string]int{"O-": 32, "B": 28, "H": 16, "C": 53} {
		for n := range most {
			if line := fmt.Sprintf("\n| %s%d |", letter, n+1); strings.Count(text, line) != 1 {
				t.Errorf("docs/compatibility.md: want one line that begins with %q", strings.TrimSpace(line))
			}
		}
	}
	there := testNames(t)
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*|r8_[a-z0-9_]+)`").FindAllStringSubmatch(text, -1) {
		if !there[m[1]] {
			t.Errorf("docs/compatibility.md: there is no %s", m[1])
		}
	}
}

// testNames returns those of all tests, and of the scripts among them.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names[strings.TrimSuffix(filepath.Base(f), ".txtar")] = true
	}
	test := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range test.FindAllSubmatch(b, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
