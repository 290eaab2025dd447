package doctor

import (
	"maps"
	"slices"
	"strings"

	"wordclockd/internal/clock"
	"wordclockd/internal/ota"
)

const (
	askDoctor    = "wordclockd doctor ota says what is wrong with the way to the sources"
	askPublisher = "whoever publishes has to mend it; until then the other source: wordclockd ota update --source NAME"
	seeSources   = "what is wrong with the sources is said above; if nothing is, try again: wordclockd ota update"
	tryAgain     = "try again: what was loaded is kept"
	takeLonger   = "raise ota.deadline, or " + tryAgain
	otherImage   = "it needs an image that is made for this clock"
	lookAtDisk   = "look at the disk with the state directory: it is full, or fails"
)

// remedies is what to do about each cause of an update that failed.
var remedies = [...]string{
	ota.NoCause:          "",
	ota.DNS:              askDoctor,
	ota.Refused:          askDoctor,
	ota.Timeout:          askDoctor,
	ota.Stalled:          tryAgain,
	ota.TLSName:          askDoctor,
	ota.TLSExpired:       askDoctor,
	ota.TLSUntrusted:     askDoctor,
	ota.HTTPStatus:       askDoctor,
	ota.RedirectLoop:     askDoctor,
	ota.RedirectInsecure: askDoctor,
	ota.ManifestInvalid:  askPublisher,
	ota.ManifestTooLarge: askPublisher,
	ota.MissingHash:      "the manifest has to name the SHA-256 of its image; ota.allow_unhashed does without",
	ota.TooLarge:         "it needs a smaller image, or a flash with larger slots: wordclockd flash init --table FILE",
	ota.Truncated:        tryAgain,
	ota.RangeBroken:      tryAgain,
	ota.WrongBytes:       askPublisher,
	ota.ImageInvalid:     askPublisher,
	ota.WrongChip:        otherImage,
	ota.WrongProject:     otherImage,
	ota.WrongVersion:     "wordclockd ota update --force installs it all the same",
	ota.BelowFloor:       "it needs an image of a higher secure version: older ones are locked out for good",
	ota.Unsigned:         "sign it: wordclockd image sign",
	ota.BadSignature:     "sign it by a key that this clock trusts: wordclockd image trust names one",
	ota.FlashFull:        lookAtDisk,
	ota.FlashIO:          lookAtDisk,
	ota.OnTrial:          "wait for the verdict, or give it: wordclockd ota confirm, or ota rollback",
	ota.Cancelled:        "",
}

// Remedy returns what to do about an update that failed of a cause; "" if there is
// nothing to be done. From a file is one that no source served.
func Remedy(c ota.Cause, fromFile bool) string {
	if int(c) >= len(remedies) {
		return ""
	}
	text := remedies[c]
	switch {
	case fromFile && text == askPublisher:
		return "wordclockd image verify says what is wrong with a file"
	case fromFile && (text == askDoctor || text == tryAgain):
		return ""
	}
	return text
}

// Remedies returns what to do about an update that failed, the most important first.
func Remedies(a clock.Attempt) (todo []string) {
	causes := []string{a.Cause}
	for _, name := range slices.Sorted(maps.Keys(a.Causes)) {
		causes = append(causes, a.Causes[name])
	}
	for _, cause := range causes {
		if text := remedyOf(cause, a); text != "" && !slices.Contains(todo, text) {
			todo = append(todo, text)
		}
	}
	return todo
}

// remedyOf returns what to do about a cause of an update that failed. One that took too
// long as a whole has a reason that names the key.
func remedyOf(cause string, a clock.Attempt) string {
	c, _ := ota.ParseCause(cause)
	if c == ota.Timeout && strings.Contains(a.Reason, "ota.deadline") {
		return takeLonger
	}
	return Remedy(c, FromFile(a))
}
