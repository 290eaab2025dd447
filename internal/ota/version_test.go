package ota

import "testing"

// TestVersionsOfOld is what the firmware makes of versions that clocks run.
func TestVersionsOfOld(t *testing.T) {
	for _, c := range []struct {
		running, offered string
		normal           string
		want             int
	}{
		{"v2.6.3-2-g1052452-dirty", "2.6.3", "2.6.3", 0},
		{"2.11", "2.11.0", "2.11.0", 0},
		{"2.11.3-rc1", "2.11.3", "2.11.3", 0},
		{"2.11.3.9", "2.11.3", "2.11.3", 0},
		{"garbage", "0.0.0", "0.0.0", 0},
		{"2.11.3\r", "2.11.3", "2.11.3", 0},
		{"2.9.0", "2.10.0", "2.9.0", -1},
		{" v2.1.0", "2.1.0", "0.0.0", -1},

		{"", "0.0.0", "0.0.0", 0},
		{"v", "0.0.1", "0.0.0", -1},
		{"V2.11.3", "2.11.3", "2.11.3", 0},
		{"vv2.11.3", "2.11.3", "0.0.0", -1},
		{"2", "2.0.0", "2.0.0", 0},
		{"2.x.3", "2.0.3", "2.0.0", -1},
		{"2.03.1", "2.3.1", "2.3.1", 0},
		{"2..1", "2.0.1", "2.0.0", -1},
		{"99999999999999999999.0.0", "2.0.0", "4294967295.0.0", 1},
		{"2.11.3+7", "2.11.3", "2.11.3", 0},
		{"2.10.10", "2.10.9", "2.10.10", 1},
	} {
		if got := Normalise(c.running); got != c.normal {
			t.Errorf("%q: %q, want %q", c.running, got, c.normal)
		}
		if got := Compare(c.running, c.offered); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.running, c.offered, got, c.want)
		}
	}
}

// TestPreReleases: they are ordered when offered, and noise once they run.
func TestPreReleases(t *testing.T) {
	for _, c := range []struct {
		running, offered string
		want             int
	}{
		{"2.11.3", "2.12.0-rc1", -1},
		{"2.12.0-rc1", "2.12.0-rc1", 0},
		{"v2.12.0-rc1", "2.12.0-rc1", 0},
		{"2.12.0-rc1", "2.12.0-rc2", 1},
		{"2.12.0-rc1", "2.12.0", 0},
		{"2.12.0", "2.12.0-rc1", 1},
		{"2.12.0", "2.12.0+build7", 0},
	} {
		if got := Compare(c.running, c.offered); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.running, c.offered, got, c.want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for in, want := range map[string]string{
		"2.11.3": "2.11.3", "v2.11.3": "2.11.3", "V2.11.3": "2.11.3", "0.0.0": "0.0.0",
		"2.12.0-rc.1": "2.12.0-rc.1", "2.12.0+b": "2.12.0+b", "2.12.0-rc1+b.7": "2.12.0-rc1+b.7",

		"": "", "v": "", "2": "", "2.11": "", "2.11.3.9": "", "2.11.3-": "", "2.11.3+": "", "02.1.1": "",
		"2.11.3\r": "", "2.11.3\n": "", " 2.11.3": "", "2.11.3-01": "", "2.11.-3": "", "２.11.3": "", "vV2.11.3": "",
	} {
		if got, err := parseVersion(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}
