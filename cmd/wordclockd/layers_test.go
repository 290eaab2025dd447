package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "wordclockd"

// A room is what the architecture grants one package.
type room struct {
	layer   int
	sees    []string // packages of its own layer that it may import
	modules []string // third-party modules that are at home here
}

// rooms is docs/architecture.md, section Layers, as data: a package imports
// only from the layers below its own, and what its room grants beyond that.
// A new package enters this table together with its first file.
var rooms = map[string]room{
	"cmd/wordclockd": {layer: 6, modules: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/lmittmann/tint", "github.com/vbauerster/mpb/v8"}},

	"machine": {layer: 5, modules: []string{"github.com/coreos/go-systemd/v22"}},

	"firmware":          {layer: 4, modules: []string{"periph.io/x/conn/v3"}},
	"broker/brokertest": {layer: 4},
	"doctor":            {layer: 4, modules: []string{"periph.io/x/conn/v3"}},

	"mqttbridge": {layer: 3, modules: []string{"github.com/eclipse/paho.mqtt.golang"}},
	"broker":     {layer: 3, modules: []string{"github.com/mochi-mqtt/server/v2"}},
	"control":    {layer: 3},
	"release":    {layer: 3},

	"light":      {layer: 2},
	"display":    {layer: 2, modules: []string{"periph.io/x/conn/v3"}},
	"timekeeper": {layer: 2, modules: []string{"periph.io/x/conn/v3", "github.com/beevik/ntp"}},
	"ota":        {layer: 2},
	"health":     {layer: 2},
	"boot":       {layer: 2},

	"config":          {layer: 1, modules: []string{"github.com/goccy/go-yaml"}},
	"nvs":             {layer: 1, modules: []string{"go.etcd.io/bbolt"}},
	"journal":         {layer: 1, sees: []string{"nvs", "clock"}},
	"clock":           {layer: 1},
	"flash":           {layer: 1},
	"flash/flashtest": {layer: 1, sees: []string{"flash"}},
	"hal":             {layer: 1, modules: []string{"periph.io/x/conn/v3"}},
	"hal/tlc59116":    {layer: 1, modules: []string{"periph.io/x/conn/v3"}},
	"hal/ds3231":      {layer: 1, modules: []string{"periph.io/x/conn/v3"}},
	"hal/bh1750":      {layer: 1, modules: []string{"periph.io/x/conn/v3"}},
	"hal/linux":       {layer: 1, sees: []string{"hal"}, modules: []string{"periph.io/x/conn/v3", "periph.io/x/host/v3", "periph.io/x/devices/v3"}},
	"hal/sim":         {layer: 1, sees: []string{"hal"}, modules: []string{"periph.io/x/conn/v3"}},

	"durable": {layer: 0},
	"proof":   {layer: 0},
	"face":    {layer: 0},
	"task":    {layer: 0},
	"watch":   {layer: 0},
}

// everywhere lists the modules that may appear in any package above layer 0.
var everywhere = []string{"golang.org/x"}

const bootAlone = "boot decides by the flash alone: it must find a way when all else is lost"

// A ban forbids an import that the layers alone would allow.
type ban struct {
	what   string   // the package that must not be seen
	from   []string // who must not see it; empty means everybody
	except []string
	why    string
}

var bans = []ban{
	{
		what:   "proof",
		except: []string{"broker/brokertest"},
		why:    "it is for tests, and links package testing",
	},
	{
		what: "flash/flashtest",
		why:  "it is for tests: what a power cut can leave",
	},
	{
		what: "broker/brokertest",
		why:  "it is for tests: a real mosquitto",
	},
	{
		what: "config",
		from: []string{"boot"},
		why:  bootAlone,
	},
	{
		what: "clock",
		from: []string{"boot"},
		why:  bootAlone,
	},
	{
		what: "hal",
		from: []string{"boot"},
		why:  bootAlone,
	},
	{
		what: "nvs",
		from: []string{"boot", "ota"},
		why:  bootAlone + "; and the updater is told what it has to know",
	},
	{
		what: "flash",
		from: []string{"control", "mqttbridge"},
		why:  "front ends see the clock only",
	},
	{
		what: "config",
		from: []string{"release"},
		why:  "a source knows nothing of the clocks that ask it",
	},
	{
		what:   "hal/linux",
		except: []string{"machine", "doctor"},
		why:    "only the machine knows which board it has, and only the doctor looks at what the kernel has",
	},
	{
		what:   "hal/sim",
		except: []string{"machine", "cmd/wordclockd"},
		why:    "the firmware runs on a hal.Board and must not know that its chips are models",
	},
}

// pkg is the part of `go list -json` that the rules are about.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
}

func TestLayers(t *testing.T) {
	pkgs := list(t)
	for name, r := range rooms {
		p, ok := pkgs[name]
		if !ok {
			t.Errorf("%s: named in the table of rooms, but gone: bring it back or change table and docs/architecture.md", name)
			continue
		}
		if want := "Package " + p.Name + " "; !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: doc sentence %q, want one that begins with %q", name, p.Doc, want)
		}
		for _, path := range p.Imports {
			if why := refuse(name, r, path); why != "" {
				t.Errorf("%s imports %s: %s", name, path, why)
			}
		}
	}
	for name := range pkgs {
		if _, ok := rooms[name]; !ok {
			t.Errorf("%s: has no room in the table: give it a layer here and a line in docs/architecture.md", name)
		}
	}
}

// refuse says why package name, of room r, must not import path; "" if it may.
func refuse(name string, r room, path string) string {
	ours, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return refuseForeign(r, path)
	}
	ours = strings.TrimPrefix(ours, "internal/")
	other, ok := rooms[ours]
	switch {
	case !ok:
		return "it has no room in the table"
	case other.layer > r.layer:
		return "imports point down only"
	case other.layer == r.layer && !slices.Contains(r.sees, ours):
		return "within a layer nothing is imported except where the table grants it"
	}
	for _, b := range bans {
		if b.what == ours && (len(b.from) == 0 || slices.Contains(b.from, name)) && !slices.Contains(b.except, name) {
			return b.why
		}
	}
	return ""
}

func refuseForeign(r room, path string) string {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return "" // standard library
	}
	if r.layer == 0 {
		return "layer 0 uses the standard library only"
	}
	for _, m := range slices.Concat(r.modules, everywhere) {
		if path == m || strings.HasPrefix(path, m+"/") {
			return ""
		}
	}
	return "each third-party module has one home package, and this is not it"
}

// list returns every package of this module by its short name.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports", module+"/...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module+"/"), "internal/")
		pkgs[name] = p
	}
}

// TestRefuse keeps the test above from ever passing by accident.
func TestRefuse(t *testing.T) {
	low, high := room{layer: 0}, room{layer: 6}
	for _, c := range []struct {
		name    string
		r       room
		path    string
		refused bool
	}{
		{"face", low, "strings", false},
		{"face", low, "golang.org/x/sys/unix", true},
		{"face", low, module + "/cmd/wordclockd", true},
		{"elsewhere", high, module + "/cmd/wordclockd", true},
		{"cmd/wordclockd", high, module + "/internal/util", true},
		{"cmd/wordclockd", high, "golang.org/x/sys/unix", false},
		{"cmd/wordclockd", high, "go.etcd.io/bbolt", true},
		{"firmware", rooms["firmware"], module + "/internal/hal/sim", true},
		{"machine", rooms["machine"], module + "/internal/hal/sim", false},
		{"boot", rooms["boot"], module + "/internal/config", true},
		{"hal/sim", rooms["hal/sim"], module + "/internal/hal", false},
		{"hal/sim", rooms["hal/sim"], module + "/internal/hal/tlc59116", true},
		{"machine", rooms["machine"], module + "/internal/proof", true},
	} {
		if got := refuse(c.name, c.r, c.path); (got != "") != c.refused {
			t.Errorf("%s imports %s: refused = %q, want refused %t", c.name, c.path, got, c.refused)
		}
	}
}
