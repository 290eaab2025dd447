package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSources starts two HTTPS servers as the sources of firmware, and has the
// environment name them. What each of them offers is a version, "VERSION@HASH"
// for another hash, an HTTP status, "html", or "hang".
//
//	sources GITHUB CLOUDFLARE
func cmdSources(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sources GITHUB CLOUDFLARE")
	}
	var roots []byte
	for i, name := range []string{"GITHUB", "CLOUDFLARE"} {
		s := httptest.NewTLSServer(offer(args[i]))
		ts.Defer(s.Close)
		roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})...)
		ts.Setenv("WORDCLOCKD_OTA_SOURCES_"+name+"_MANIFEST", s.URL+"/version.json")
		ts.Setenv("WORDCLOCKD_OTA_SOURCES_"+name+"_IMAGE", s.URL+"/wordclock.bin")
	}
	file := filepath.Join(ts.Getenv("WORK"), "roots.pem")
	ts.Check(os.WriteFile(file, roots, 0o644))
	ts.Setenv("WORDCLOCKD_OTA_CA_FILE", file)
}

func offer(what string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code, err := strconv.Atoi(what); err == nil {
			http.Error(w, http.StatusText(code), code)
			return
		}
		switch what {
		case "hang":
			<-r.Context().Done()
			return
		case "html":
			fmt.Fprint(w, "<!DOCTYPE html><title>Sign in</title>")
			return
		}
		version, hash, _ := strings.Cut(what, "@")
		if hash == "" {
			hash = "b6e64aaa"
		}
		fmt.Fprintf(w, `{"version":%q,"build_date":"2025-11-15T10:46:40Z","sha256":"%s","firmware_size":1339312}`, version, strings.Repeat(hash, 8))
	})
}
