package mqttbridge

import (
	"cmp"
	"time"

	"wordclockd/internal/clock"
)

// A versionState is the payload of ota/version. The part that begins with
// current_version is the old clock's.
type versionState struct {
	Version        string           `json:"version"`
	BuildDate      string           `json:"build_date"`
	BuildTime      string           `json:"build_time"`
	Source         string           `json:"source"`
	Health         clock.ImageState `json:"health"`
	BootCount      uint32           `json:"boot_count"`
	FirstBoot      bool             `json:"first_boot"`
	RollbackReason string           `json:"rollback_reason"`

	CurrentVersion   string `json:"current_version"`
	CurrentHash      string `json:"current_binary_hash"`
	CurrentBuildDate string `json:"current_build_date"`
	CurrentIDF       string `json:"current_idf_version"`
	CurrentSize      int64  `json:"current_size_bytes"`
	*availableState
	UpdateAvailable bool   `json:"update_available"`
	Partition       string `json:"running_partition"`
}

type availableState struct {
	Version   string `json:"available_version"`
	Hash      string `json:"available_binary_hash"`
	BuildDate string `json:"available_build_date"`
	Size      int64  `json:"available_size_bytes"`
}

func versionPayload(v view) []byte {
	i := v.Image
	w := versionState{
		Version: v.Version, BuildDate: day(i.BuildDate), BuildTime: i.BuildTime, Source: i.Source,
		Health: cmp.Or(i.State, clock.Validated), BootCount: i.BootCount, FirstBoot: i.FirstBoot,
		CurrentVersion: v.Version, CurrentHash: eight(i.Digest), CurrentBuildDate: i.BuildDate, CurrentIDF: i.IDF, CurrentSize: i.Size,
		Partition: cmp.Or(i.Slot, "unknown"),
	}
	if i.Rollback != nil {
		w.RollbackReason = i.Rollback.Reason
	}
	if c := available(v); c != nil {
		w.UpdateAvailable = true
		r := release(c)
		w.availableState = &availableState{c.AvailableVersion, eight(r.SHA256), r.BuildDate, r.Size}
	}
	return compact(w)
}

// available returns the look at the sources that found newer firmware than that which
// runs; nil if the last one found none.
func available(v view) *clock.Check {
	if c := v.Update.Last; c != nil && c.UpdateAvailable && c.CurrentVersion == v.Version {
		return c
	}
	return nil
}

func release(c *clock.Check) clock.Release {
	if c == nil || c.Release == nil {
		return clock.Release{}
	}
	return *c.Release
}

// day returns the compiler's date as YYYY-MM-DD; "" if it is none.
func day(date string) string {
	t, err := time.Parse("Jan _2 2006", date)
	if err != nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

// eight returns the digits by which people tell images.
func eight(hash string) string { return hash[:min(8, len(hash))] }

// A progressState is the payload of ota/progress. The part that begins with
// progress_percent is the old clock's.
type progressState struct {
	State    string `json:"state"`
	Progress int    `json:"progress"`
	Bytes    int64  `json:"bytes"`
	Source   string `json:"source"`
	Error    string `json:"error"`
	Cause    string `json:"cause"`

	Percent     int    `json:"progress_percent"`
	Downloaded  int64  `json:"bytes_downloaded"`
	Total       int64  `json:"total_bytes"`
	ElapsedMS   int64  `json:"time_elapsed_ms"`
	RemainingMS int64  `json:"time_remaining_ms"`
	Version     string `json:"version"`
}

// progressOf returns how far an update was at a step of it.
func progressOf(a *clock.Attempt, at int) progressState {
	s := a.Steps[at]
	w := progressState{
		State: s.State, Progress: s.Percent, Bytes: s.Bytes, Source: s.Source,
		Percent: s.Percent, Downloaded: s.Bytes, Total: a.Size, ElapsedMS: max(0, s.At.Sub(a.Begun).Milliseconds()), Version: a.Version,
	}
	if at == len(a.Steps)-1 {
		w.Error, w.Cause = a.Error, a.Cause
		w.RemainingMS = max(0, int64(a.RemainingS*1000))
	}
	return w
}

// progressPayload says how the update is that is under way, or was last in this start.
func progressPayload(v view) []byte {
	a := v.Update.Present
	if a == nil {
		if n := len(v.Update.History); n > 0 && v.Update.History[n-1].Ended.After(v.Started) {
			a = &v.Update.History[n-1]
		}
	}
	if a == nil || len(a.Steps) == 0 {
		return compact(progressState{State: "idle"})
	}
	return compact(progressOf(a, len(a.Steps)-1))
}

// An updateState is what Home Assistant's update entity takes: it drops a message for
// one key more, or for null anywhere but in the last one.
type updateState struct {
	Installed  string `json:"installed_version"`
	Latest     string `json:"latest_version"`
	Title      string `json:"title"`
	Summary    string `json:"release_summary"`
	InProgress bool   `json:"in_progress"`
	Percentage *int   `json:"update_percentage"`
}

// maxSummary is how many characters Home Assistant shows.
const maxSummary = 255

func updatePayload(v view) []byte {
	w := updateState{Installed: v.Version, Latest: v.Version, Title: cmp.Or(v.Image.Project, "Word clock firmware")}
	if c := available(v); c != nil {
		r := release(c)
		w.Latest, w.Title, w.Summary = c.AvailableVersion, cmp.Or(r.Title, w.Title), firstRunes(r.Description, maxSummary)
	}
	a := v.Update.Present
	if n := len(v.Update.History); a == nil && n > 0 && isInstalled(v, v.Update.History[n-1]) {
		a = &v.Update.History[n-1] // it starts in a moment
	}
	if a != nil && a.State != "failed" && a.State != "idle" {
		w.InProgress = true
		w.Latest = cmp.Or(a.Version, w.Latest)
		w.Percentage = percentage(a)
	}
	return compact(w)
}

// isInstalled reports whether an update of this start waits for the next.
func isInstalled(v view, a clock.Attempt) bool {
	return a.Result == clock.Installed && a.Ended.After(v.Started)
}

// percentage returns how many tenths of the image are there; nil before the first byte.
func percentage(a *clock.Attempt) *int {
	n := len(a.Steps)
	if n == 0 || a.Steps[n-1].State == "checking" {
		return nil
	}
	p := a.Steps[n-1].Percent / 10 * 10
	return &p
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
