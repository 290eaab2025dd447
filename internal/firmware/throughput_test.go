package firmware

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wordclockd/internal/boot"
	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
	"wordclockd/internal/proof"
	"wordclockd/internal/release"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// largeTable has two slots of 64 MiB.
var largeTable = flash.Table{Partitions: []flash.Partition{
	{Name: "otadata", Type: flash.TypeData, Subtype: flash.DataOTA, Off: 0xE000, Size: 0x2000},
	{Name: "ota_0", Type: flash.TypeApp, Subtype: flash.AppOTA, Off: 0x10000, Size: 64 << 20},
	{Name: "ota_1", Type: flash.TypeApp, Subtype: flash.AppOTA + 1, Off: 0x4010000, Size: 64 << 20},
}}

// BenchmarkUpdate is an update to an image of 64 MB (10^6 bytes): fetched over HTTPS of
// this host into a flash that is a file, read back and verified, and staged. The peer
// fetches the same file from the same server and does what anybody would:
// curl -o f && sync f && sha256sum f. They take turns; both figures are the median of
// nine.
func BenchmarkUpdate(b *testing.B) {
	for _, tool := range []string{"curl", "sync", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			proof.Missing(b, "there is no "+tool)
		}
	}
	const size, rounds = 64_000_000, 9
	u := newUnit(b, size)
	var ours, theirs []time.Duration
	for b.Loop() {
		for range rounds {
			ours = append(ours, timed(func() { u.update(b) }))
			theirs = append(theirs, timed(func() { u.curl(b) }))
		}
	}
	here, there := median(ours), median(theirs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(here.Seconds()*1000, "ms/update")
	b.ReportMetric(there.Seconds()*1000, "ms/curl")
	b.ReportMetric(size/1e6/here.Seconds(), "MB/s")
	b.ReportMetric(float64(here)/float64(there), "x-curl-sync-sha256sum")
	if here > 2*there {
		b.Logf("over the limit: an update takes %s, and curl, sync and sha256sum %s: want twice that at most", here, there)
	}
}

func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// A unit is the storage of a clock in files, and a source.
type unit struct {
	dir    string
	config config.OTA
	store  *boot.Store
	slot   flash.Device
}

// newUnit returns one whose source has an image of a size.
func newUnit(b *testing.B, size int64) *unit {
	b.Helper()
	u := &unit{dir: b.TempDir()}
	u.serve(b, size)
	f, err := os.Create(filepath.Join(u.dir, "flash.img"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	dev, err := flash.Format(f, 256<<20)
	if err != nil {
		b.Fatal(err)
	}
	if err := boot.Create(dev, largeTable, marshalled(b, "2.11.3", 0)); err != nil {
		b.Fatal(err)
	}
	if u.store, err = boot.Open(dev, flash.NewMemory(flash.FuseGeometry), largeTable, ""); err != nil {
		b.Fatal(err)
	}
	p := largeTable.Slots()[1]
	u.slot = flash.Region(dev, p.Off, p.Size)
	return u
}

func marshalled(b *testing.B, version string, size int64) []byte {
	b.Helper()
	p, err := flash.Build{Desc: flash.Desc{Version: version, Project: "wordclock"}, Size: size}.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// serve has a source for it until b ends.
func (u *unit) serve(b *testing.B, size int64) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, "wordclock.bin"), marshalled(b, "2.12.0", size), 0o644); err != nil {
		b.Fatal(err)
	}
	cert, root, err := release.Certify(time.Now(), "127.0.0.1")
	if err != nil {
		b.Fatal(err)
	}
	u.config.CAFile = filepath.Join(u.dir, "ca.pem")
	if err := os.WriteFile(u.config.CAFile, root, 0o644); err != nil {
		b.Fatal(err)
	}
	folder, err := release.OpenFolder(u.dir)
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := release.NewServer(folder, nil, slog.New(slog.DiscardHandler))
	g, _ := task.NewGroup(context.Background())
	g.Go("serve", func(ctx context.Context) error {
		return s.Serve(ctx, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}))
	})
	b.Cleanup(func() {
		g.Stop(nil)
		if err := g.Wait(); err != nil {
			b.Error(err)
		}
		folder.Close()
	})
	u.config.GitHub = config.Source{Manifest: "https://" + l.Addr().String() + "/version.json", Image: "https://" + l.Addr().String() + "/wordclock.bin"}
	u.config.Cloudflare = u.config.GitHub
	u.config.Stall = 5 * time.Second
}

// update makes an update.
func (u *unit) update(b *testing.B) {
	b.Helper()
	var value watch.Value[clock.Update]
	x := ota.NewUpdater(ota.UpdaterConfig{
		Config:    ota.Config{OTA: u.config, Agent: "wordclockd/2.11.3", Log: slog.New(slog.DiscardHandler)},
		Running:   ota.Running{Desc: flash.Desc{Version: "2.11.3", Project: "wordclock"}, Slot: "ota_0"},
		Slot:      &ota.Slot{Name: "ota_1", Device: u.slot, Free: func() error { return u.store.Free(1, 0) }, Changed: func() error { return u.store.Changed(1, 0) }, Stage: func() error { return u.store.Stage(1, 0) }},
		Preferred: func() clock.Source { return clock.GitHub },
		Value:     &value,
		Keep:      func(ota.Record) {},
		Examine:   func(context.Context) ota.Note { return func([32]byte) (func(), error) { return func() {}, nil } },
	})
	g, _ := task.NewGroup(b.Context())
	g.Go("ota", x.Run)
	if _, err := x.Start(ota.Start{NoReboot: true}); err != nil {
		b.Fatal(err)
	}
	for {
		v, changed := value.Watch()
		if len(v.History) > 0 {
			if v.History[0].Result != clock.Installed {
				b.Fatalf("%+v", v.History[0])
			}
			break
		}
		<-changed
	}
	g.Stop(nil)
	if err := g.Wait(); err != nil {
		b.Error(err)
	}
}

// curl does what the peer does.
func (u *unit) curl(b *testing.B) {
	b.Helper()
	script := fmt.Sprintf("curl -sS --fail --cacert %q -o %q %q && sync %[2]q && sha256sum %[2]q", u.config.CAFile, filepath.Join(u.dir, "f"), u.config.GitHub.Image)
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "/f") {
		b.Fatalf("%v\n%s", err, out)
	}
}
