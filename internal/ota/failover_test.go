package ota

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// A disturbance is what is wrong with the preferred source, and what an update may take
// then, if it takes d undisturbed.
type disturbance struct {
	name  string
	site  func(r release) site
	limit func(d time.Duration) time.Duration
	there string // what the old firmware does
}

var disturbances = []disturbance{
	{name: "undisturbed", site: distant, limit: func(d time.Duration) time.Duration { return d }},
	{"refused", func(release) site { return site{} }, plus(time.Second), ""},
	{"SYN dropped", func(release) site { return site{dial: isLost} }, blackHole, "10.5 s more, or for the image never"},
	{"accepted, silent", func(release) site { return site{bare: isSilent} }, blackHole, "10.5 s more, or for the image never"},
	{"image silent", func(r release) site { return distant(r).but(isMute) }, plus(6 * time.Second), "never"},
	{"silent in mid-image", func(r release) site { return distant(r).dies(len(r.image)/2, stays) }, plus(6 * time.Second), "never"},
	{"reset in mid-image", func(r release) site { return distant(r).dies(len(r.image)/2, resets) }, plus(6 * time.Second), "never"},
}

func plus(more time.Duration) func(time.Duration) time.Duration {
	return func(d time.Duration) time.Duration { return d + more }
}

func blackHole(d time.Duration) time.Duration { return d*3/2 + 2500*time.Millisecond }

// isLost is a connection of which no packet arrives.
func isLost(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }

// isMute has an image, but does not send it.
func isMute(_ http.ResponseWriter, q *http.Request, _ http.HandlerFunc) { <-q.Context().Done() }

func isSilent(c net.Conn) { io.Copy(io.Discard, c) }

// distant is a source that has r, and half a megabyte per second for it.
func distant(r release) site {
	return r.site().but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) { well(throttled{w}, q) })
}

type throttled struct{ http.ResponseWriter }

func (t throttled) Write(p []byte) (n int, err error) {
	const part = 8 << 10
	for n < len(p) && err == nil {
		q := p[n:min(n+part, len(p))]
		time.Sleep(time.Duration(len(q)) * time.Second / 500e3)
		var m int
		m, err = t.ResponseWriter.Write(q)
		n += m
	}
	return n, err
}

// BenchmarkFailover is an update over HTTPS of this host, from the first question to the
// image being staged, while the preferred source goes wrong, and how many times an
// undisturbed one that is, of the same run.
func BenchmarkFailover(b *testing.B) {
	r := built("2.12.0", func(x *flash.Build) { x.Size = 900e3 })
	took := make([]time.Duration, len(disturbances))
	for b.Loop() {
		for i, d := range disturbances {
			took[i] += d.update(b, r)
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "preferred source\ts\tratio\tlimit, s\told firmware")
	for i, d := range disturbances {
		mean, limit := took[i]/time.Duration(b.N), d.limit(took[0]/time.Duration(b.N))
		fmt.Fprintf(w, "%s\t%.1f\t%.2f\t%.1f\t%s\n", d.name, mean.Seconds(), float64(took[i])/float64(took[0]), limit.Seconds(), d.there)
		b.ReportMetric(float64(took[i])/float64(took[0]), "x/"+strings.NewReplacer(" ", "-", ",", "").Replace(d.name))
		if mean > limit {
			b.Logf("over the limit: %s: %s, want %s at most", d.name, mean, limit)
		}
	}
	w.Flush()
	b.Log("\n" + strings.TrimSpace(table.String()))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[0].Seconds()/float64(b.N), "s/undisturbed")
}

// update makes an update to r under d, and returns what it took.
func (d disturbance) update(b *testing.B, r release) time.Duration {
	b.Helper()
	w := sockets(b, d.site(r), distant(r))
	if d.name == "refused" {
		w.c.OTA.GitHub = w.c.OTA.Cloudflare
		w.c.OTA.GitHub.Manifest, w.c.OTA.GitHub.Image = "https://"+nobody(b)+"/ota/version.json", "https://"+nobody(b)+"/ota/wordclock.bin"
	}
	begin := time.Now()
	o := w.updates(b, r, clock.GitHub)
	took := time.Since(begin)
	if o.Result != clock.Installed || !bytes.Equal(o.staged, r.image) {
		b.Fatalf("%s: %+v\n%s", d.name, o.Attempt, &w.log)
	}
	return took
}

// nobody returns an address at which nobody listens.
func nobody(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
