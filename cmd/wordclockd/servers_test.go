package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// servers are those of a script by their names.
type servers map[string]*served

type serversKey struct{} // of a script's value

// A served is a process of "wordclockd release serve", or what is left of it.
type served struct {
	process   *exec.Cmd // nil when it has ended
	addr      string    // the same for all of its name
	authority []byte
}

// cmdServe starts a server of the release in a directory, over HTTPS, with flags of
// "wordclockd release serve". $NAME is its URL, and NAME.log gets its log. As
// github or cloudflare it is that source of the clocks which are started from then
// on. One that has the name already is replaced, on the same port.
//
//	serve NAME DIR [FLAG...]
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve NAME DIR [FLAG...]")
	}
	name, all := args[0], ts.Value(serversKey{}).(servers)
	s := all[name]
	if s == nil {
		s = &served{addr: "127.0.0.1:0"}
		all[name] = s
		ts.Defer(func() { s.end() })
	}
	ts.Check(s.end())
	ca := filepath.Join(ts.Getenv("WORK"), name+".pem")
	link := s.start(ts, name, slices.Concat([]string{"release", "serve", args[1], "--json", "--listen", s.addr, "--ca", ca}, args[2:]))
	var err error
	s.authority, err = os.ReadFile(ca)
	ts.Check(err)
	s.addr = link.Host
	ts.Setenv(name, link.String())
	all.configure(ts)
}

// start starts the process, and returns its URL as soon as it listens.
func (s *served) start(ts *testscript.TestScript, name string, args []string) *url.URL {
	path, err := exec.LookPath("wordclockd")
	ts.Check(err)
	log, err := os.OpenFile(filepath.Join(ts.Getenv("WORK"), name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	ts.Check(err)
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = ts.Getenv("WORK"), environ(ts), log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	s.process = cmd
	var line struct{ URL string }
	if err := json.NewDecoder(io.LimitReader(out, 4096)).Decode(&line); err != nil {
		_ = cmd.Process.Kill()
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("serve %s: no line of JSON: %v\n%s", name, err, text)
	}
	link, err := url.Parse(line.URL)
	ts.Check(err)
	return link
}

// configure has the environment name those servers that are sources, and whom to
// trust.
func (all servers) configure(ts *testscript.TestScript) {
	var roots bytes.Buffer
	for name, s := range all {
		roots.Write(s.authority)
		if name == "github" || name == "cloudflare" {
			key := "WORDCLOCKD_OTA_SOURCES_" + strings.ToUpper(name)
			ts.Setenv(key+"_MANIFEST", "https://"+s.addr+"/version.json")
			ts.Setenv(key+"_IMAGE", "https://"+s.addr+"/wordclock.bin")
		}
	}
	file := filepath.Join(ts.Getenv("WORK"), "roots.pem")
	ts.Check(os.WriteFile(file+".new", roots.Bytes(), 0o644))
	ts.Check(os.Rename(file+".new", file))
	ts.Setenv("WORDCLOCKD_OTA_CA_FILE", file)
}

// cmdUnserve ends a server: its port refuses from then on.
//
//	unserve NAME
func cmdUnserve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || ts.Value(serversKey{}).(servers)[args[0]] == nil {
		ts.Fatalf("usage: unserve NAME, of one that was served")
	}
	ts.Check(ts.Value(serversKey{}).(servers)[args[0]].end())
}

// end ends the process as a user would, and wants exit status 0.
func (s *served) end() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	defer time.AfterFunc(time.Minute, func() { _ = p.Process.Kill() }).Stop()
	return errors.Join(p.Process.Signal(syscall.SIGTERM), p.Wait())
}
