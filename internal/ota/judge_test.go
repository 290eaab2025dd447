package ota

import (
	"slices"
	"strings"
	"testing"

	"wordclockd/internal/clock"
	"wordclockd/internal/flash"
)

// changed returns r with other bytes, and a manifest that is right about them.
func (r release) changed(f func(p []byte)) release {
	r.image = slices.Clone(r.image)
	f(r.image)
	r.manifest.SHA256 = sumOf(r.image)
	return r
}

// signed returns r with a signature.
func (r release) signed(t testing.TB) (release, flash.KeyDigest) {
	t.Helper()
	key := must(flash.GenerateKey())
	r.image = must(flash.SignImage(r.image, must(flash.ReadImage(readerAt(r.image), r.manifest.Size)), key))
	r.manifest.Size, r.manifest.SHA256 = int64(len(r.image)), sumOf(r.image)
	return r, flash.DigestKey(&key.PublicKey)
}

// TestJudged are images that are as their manifest says, and are refused. Force helps
// against an old version alone. What the first bytes tell is known before anything is
// written.
func TestJudged(t *testing.T) {
	next := built("2.12.0", nil)
	signed, key := next.signed(t)
	other := must(flash.ParseKeyDigest(strings.Repeat("ab", 32)))
	for _, c := range []struct {
		name   string
		r      release
		fuses  flash.Fuses
		cause  Cause
		kind   Kind
		early  bool // nothing is written
		forced bool // force helps
	}{
		{name: "no image", r: next.changed(func(p []byte) { p[0] = 'x' }), cause: ImageInvalid, kind: ChecksumMismatch, early: true},
		{name: "no descriptor", r: next.changed(func(p []byte) { p[0x20] ^= 1 }), cause: ImageInvalid, kind: ChecksumMismatch, early: true},
		{name: "another chip", r: next.changed(func(p []byte) { p[12] = 5 }), cause: WrongChip, kind: DownloadFailed, early: true},
		{name: "another project", r: built("2.12.0", func(b *flash.Build) { b.Project = "toaster" }), cause: WrongProject, kind: DownloadFailed, early: true},
		{name: "older than its manifest says", r: built("2.11.2", nil).called("2.12.0"), cause: WrongVersion, kind: InvalidVersion, early: true, forced: true},
		{name: "below the floor", r: next, fuses: flash.Fuses{}.Raise(1), cause: BelowFloor, kind: InvalidVersion, early: true},
		{name: "a bit in the middle", r: next.changed(func(p []byte) { p[len(p)/2] ^= 1 }), cause: ImageInvalid, kind: ChecksumMismatch},
		{name: "a bit in the digest", r: next.changed(func(p []byte) { p[len(p)-1] ^= 1 }), cause: ImageInvalid, kind: ChecksumMismatch},
		{name: "unsigned", r: next, fuses: flash.Fuses{Keys: []flash.KeyDigest{key}}, cause: Unsigned, kind: FlashFailed},
		{name: "signed by another", r: signed, fuses: flash.Fuses{Keys: []flash.KeyDigest{other}}, cause: BadSignature, kind: FlashFailed},
		{name: "signed", r: signed, fuses: flash.Fuses{Keys: []flash.KeyDigest{other, key}}},
	} {
		for _, force := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				in(t, func(t *testing.T) {
					r := newRig(t, running, c.r.site(), c.r.site(), func(x *UpdaterConfig) { x.Running.Fuses = c.fuses })
					a := r.update(Start{Force: force, NoReboot: true})
					if c.cause == NoCause || c.forced && force {
						if a.Result != clock.Installed || a.Forced != force {
							t.Errorf("%+v", a)
						}
						r.holds(c.r)
						return
					}
					if a.Result != clock.Failed || a.Cause != c.cause.String() || a.Error != c.kind.String() {
						t.Errorf("%+v, want %s", a, c.cause)
					}
					if c.early {
						r.called()
					} else {
						r.called("free", "program")
					}
				})
			})
		}
	}
}

// TestTooLarge is refused by the manifest alone.
func TestTooLarge(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", func(b *flash.Build) { b.Size = slotSize + 1 })
		r := newRig(t, running, next.site(), next.site(), nil)
		if a := r.update(Start{Force: true}); a.Cause != "too_large" || a.Fetched != 0 || a.Causes["github"] != "too_large" {
			t.Errorf("%+v", a)
		}
		r.called()
	})
}

// TestVersionRule: force skips that of manifest and image, and nothing else.
func TestVersionRule(t *testing.T) {
	for _, c := range []struct {
		name   string
		r      release
		force  bool
		result clock.Result
		reason string
	}{
		{"newer", built("2.12.0", nil), false, clock.Installed, ""},
		{"equal", built("2.11.3", func(b *flash.Build) { b.IDF = "another" }), false, clock.UpToDate, "2.11.3 runs, and github has nothing newer"},
		{"equal, forced", built("2.11.3", func(b *flash.Build) { b.IDF = "another" }), true, clock.Installed, ""},
		{"older", built("2.11.2", nil), false, clock.UpToDate, "2.11.3 runs, and github has 2.11.2, which is older: only a forced update goes back"},
		{"older, forced", built("2.11.2", nil), true, clock.Installed, ""},
		{"the same, forced", running, true, clock.Installed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				r := newRig(t, running, c.r.site(), c.r.site(), nil)
				if a := r.update(Start{Force: c.force, NoReboot: true}); a.Result != c.result || a.Reason != c.reason {
					t.Errorf("%+v", a)
				}
				if c.result != clock.Installed {
					r.called()
				}
			})
		})
	}
}

// TestForcedBytes: force does not make other bytes do (O-10).
func TestForcedBytes(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		lies := next
		lies.manifest.SHA256 = sumOf(nil)
		r := newRig(t, running, lies.site(), lies.site(), nil)
		if a := r.update(Start{Force: true}); a.Result != clock.Failed || a.Cause != "wrong_bytes" || a.Error != "Checksum mismatch" {
			t.Errorf("%+v", a)
		}
	})
}

// TestFloorRises: what was confirmed a moment ago is the floor already.
func TestFloorRises(t *testing.T) {
	in(t, func(t *testing.T) {
		next := built("2.12.0", nil)
		r := newRig(t, built("2.11.3", func(b *flash.Build) { b.SecureVersion = 2 }), next.site(), next.site(), nil)
		r.trial.Store(false)
		r.Confirmed()
		if a := r.update(Start{}); a.Cause != "below_floor" {
			t.Errorf("%+v", a)
		}
		r.called()
	})
}
