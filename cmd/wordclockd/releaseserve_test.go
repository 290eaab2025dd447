package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/flash"
)

// TestReleaseServe: what a person sees who starts a source on one terminal and asks
// it from another.
func TestReleaseServe(t *testing.T) {
	dir := t.TempDir()
	raw, err := flash.Build{Desc: flash.Desc{Version: "9.0.0", Project: "wordclock"}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wordclock.bin"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	var log bytes.Buffer
	cmd := newRoot()
	cmd.SetArgs([]string{"release", "serve", dir, "--fault", "flip=1024M"})
	cmd.SetOut(in)
	cmd.SetErr(&log)
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		in.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	url, rest, _ := strings.Cut(line, " ")
	if err != nil || !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasPrefix(rest, "serves 9.0.0, sha256 ") {
		t.Errorf("it says %q, %v", line, err)
	}
	resp, err := http.Get(url + "/wordclock.bin")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); !bytes.Equal(got, raw) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	resp.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if got := log.String(); !strings.Contains(got, fmt.Sprintf(`fault flip=1024M does not happen: wordclock.bin has %d bytes`, len(raw))) {
		t.Errorf("log: %s", got)
	}
	if got := log.String(); !strings.Contains(got, `"method":"GET","path":"/wordclock.bin","status":200,`) {
		t.Errorf("log: %s", got)
	}
}

// TestNamesOf: under which names a listener is certified, and is announced.
func TestNamesOf(t *testing.T) {
	for listen, want := range map[string][]string{
		"127.0.0.1:0":    {"127.0.0.1", "localhost", "::1"},
		"localhost:8001": {"localhost", "127.0.0.1", "::1"},
		"[::1]:8001":     {"::1", "127.0.0.1", "localhost"},
		"192.0.2.7:8001": {"192.0.2.7"},
		"clock.test:0":   {"clock.test"},
	} {
		got, err := namesOf(listen)
		if err != nil || got[0] != want[0] {
			t.Errorf("%s: %v, %v, want %v", listen, got, err, want)
		}
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s: %v, want %s too", listen, got, name)
			}
		}
	}
	for _, listen := range []string{":8001", "0.0.0.0:8001", "[::]:0"} {
		got, err := namesOf(listen)
		if err != nil || !slices.Contains(got, "localhost") || got[0] == "" || got[0] == "0.0.0.0" {
			t.Errorf("%s: %v, %v", listen, got, err)
		}
	}
	for _, listen := range []string{"", "8001", "127.0.0.1", "[::1"} {
		if got, err := namesOf(listen); err == nil {
			t.Errorf("%q: %v", listen, got)
		}
	}
}
