package ota

import (
	"io"
	"net/http"
	"testing"
	"time"

	"wordclockd/internal/clock"
)

// BenchmarkCheck is a check of two sources that are well, over HTTPS of this
// host, each connection a new one. The baseline is what anybody would write:
// one plain client that fetches both files, one after the other, and looks at
// nothing; it too connects anew each time.
func BenchmarkCheck(b *testing.B) {
	w := sockets(b, offers("2.12.0"), offers("2.12.0"))
	var checks, plain time.Duration
	for b.Loop() {
		begin := time.Now()
		c := w.Check(b.Context(), Request{Current: "2.11.3"})
		checks += time.Since(begin)
		if !c.UpdateAvailable || len(c.Warnings) != 0 {
			b.Fatalf("%+v", c)
		}
		begin = time.Now()
		w.plain(b)
		plain += time.Since(begin)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(checks.Microseconds())/1000/float64(b.N), "ms/check")
	b.ReportMetric(checks.Seconds()/plain.Seconds(), "x-plain-client")
}

// plain fetches both manifests, one after the other.
func (w *world) plain(b *testing.B) {
	tr, err := NewTransport(w.c.OTA, nil)
	if err != nil {
		b.Fatal(err)
	}
	client := http.Client{Transport: tr}
	for _, s := range clock.Sources {
		u, err := NewHTTP(w.c.OTA, s, tr, "").URL(ManifestName)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := client.Get(u.String())
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// BenchmarkParseManifest is the judging alone, of a manifest as it was really
// published.
func BenchmarkParseManifest(b *testing.B) {
	p := corpus(b)["ok_published"]
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseManifest(p); err != nil {
			b.Fatal(err)
		}
	}
}
