package mqttbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"wordclockd/internal/proof"
)

// renderer renders templates as Home Assistant does: Jinja2 in its sandbox, with the
// filters that Home Assistant has of its own. It reads a list of [template, variables]
// and writes a list of [text, error]. Unlike there, what is not defined is an error.
const renderer = `
import json, sys
try:
    from jinja2 import StrictUndefined
    from jinja2.filters import do_int
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ImportError:
    sys.exit(77)

def common_round(value, precision=0):
    value = round(float(value), precision)
    return int(value) if precision == 0 else value

def whole(value):
    result = do_int(value, default=None)
    if result is None:
        raise ValueError("int got invalid input %r" % (value,))
    return result

env = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
env.filters.update(round=common_round, int=whole, float=float)
templates, out = {}, []
for template, value in json.load(sys.stdin):
    variables = {"value": value}
    if isinstance(value, str):
        try:
            variables["value_json"] = json.loads(value)
        except ValueError:
            pass
    try:
        if template not in templates:
            templates[template] = env.from_string(template)
        out.append([templates[template].render(variables).strip(), ""])
    except Exception as e:
        out.append(["", "%s: %s" % (type(e).__name__, e)])
json.dump(out, sys.stdout)
`

// A sheet is templates that are to be rendered, each with the value it is rendered of,
// and what is to be done with the texts.
type sheet struct {
	jobs  [][2]any
	judge [][]func(text string)
	at    map[string]int // in jobs
}

// add has judge called with what becomes of a template. The same is rendered once.
func (s *sheet) add(template string, value any, judge func(text string)) {
	key := fmt.Sprintf("%s\x00%v", template, value)
	i, ok := s.at[key]
	if !ok {
		i = len(s.jobs)
		s.at[key] = i
		s.jobs, s.judge = append(s.jobs, [2]any{template, value}), append(s.judge, nil)
	}
	s.judge[i] = append(s.judge[i], judge)
}

// render renders all of it in one process.
func (s *sheet) render(t *testing.T) {
	t.Helper()
	in, err := json.Marshal(s.jobs)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", "-c", renderer)
	c.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if errors.Is(err, exec.ErrNotFound) || c.ProcessState.ExitCode() == 77 {
		proof.Missing(t, "python3 with jinja2 (Debian: python3-jinja2) is not here")
	}
	var texts [][2]string
	if err == nil {
		err = json.Unmarshal(out, &texts)
	}
	if err != nil || len(texts) != len(s.jobs) {
		t.Fatalf("%d texts for %d templates: %v: %s", len(texts), len(s.jobs), err, &stderr)
	}
	for i, text := range texts {
		if text[1] != "" {
			t.Errorf("%v: %s", s.jobs[i], text[1])
			continue
		}
		for _, judge := range s.judge[i] {
			judge(text[0])
		}
	}
}
