package ota

// A Cause says what exactly went wrong.
type Cause uint8

const (
	NoCause Cause = iota // nothing went wrong

	// Of reaching a source.
	DNS          // its name has no address
	Refused      // its address does not answer, or hangs up
	Timeout      // it said nothing in time
	Stalled      // it began to send, and did not end in time
	TLSName      // its certificate is for another name
	TLSExpired   // its certificate is not valid at this time
	TLSUntrusted // its certificate is from nobody we know, or there is none

	// Of what a source answers.
	HTTPStatus       // not 200
	RedirectLoop     // more than five redirects
	RedirectInsecure // to where others can read and write along
	ManifestInvalid
	ManifestTooLarge
	MissingHash

	// Of an image.
	TooLarge    // for the slot
	Truncated   // ended before its end
	RangeBroken // other bytes than those asked for
	WrongBytes  // SHA-256 or size differ from the manifest's
	ImageInvalid
	WrongChip
	WrongProject
	WrongVersion
	BelowFloor // secure_version
	Unsigned
	BadSignature

	// Of the clock.
	FlashFull
	FlashIO
	OnTrial
	Cancelled
)

// causes is the one table of the names on the wire, and of the firmware's text
// for each.
var causes = [...]struct {
	name string
	kind Kind
}{
	NoCause:          {"", NoError},
	DNS:              {"dns", NoInternet},
	Refused:          {"refused", DownloadFailed},
	Timeout:          {"timeout", DownloadFailed},
	Stalled:          {"stalled", DownloadFailed},
	TLSName:          {"tls_name", DownloadFailed},
	TLSExpired:       {"tls_expired", DownloadFailed},
	TLSUntrusted:     {"tls_untrusted", DownloadFailed},
	HTTPStatus:       {"http_status", DownloadFailed},
	RedirectLoop:     {"redirect_loop", DownloadFailed},
	RedirectInsecure: {"redirect_insecure", DownloadFailed},
	ManifestInvalid:  {"manifest_invalid", DownloadFailed},
	ManifestTooLarge: {"manifest_too_large", DownloadFailed},
	MissingHash:      {"missing_hash", ChecksumMismatch},
	TooLarge:         {"too_large", DownloadFailed},
	Truncated:        {"truncated", DownloadFailed},
	RangeBroken:      {"range_broken", DownloadFailed},
	WrongBytes:       {"wrong_bytes", ChecksumMismatch},
	ImageInvalid:     {"image_invalid", ChecksumMismatch},
	WrongChip:        {"wrong_chip", DownloadFailed},
	WrongProject:     {"wrong_project", DownloadFailed},
	WrongVersion:     {"wrong_version", InvalidVersion},
	BelowFloor:       {"below_floor", InvalidVersion},
	Unsigned:         {"unsigned", FlashFailed},
	BadSignature:     {"bad_signature", FlashFailed},
	FlashFull:        {"flash_full", FlashFailed},
	FlashIO:          {"flash_io", FlashFailed},
	OnTrial:          {"on_trial", DownloadFailed},
	Cancelled:        {"cancelled", DownloadFailed},
}

func (c Cause) String() string {
	if int(c) >= len(causes) {
		return name(nil, c, "Cause")
	}
	return causes[c].name
}

// Kind returns the firmware's text for c.
func (c Cause) Kind() Kind {
	if int(c) >= len(causes) {
		return UnknownError
	}
	return causes[c].kind
}

// ParseCause is the inverse of [Cause.String].
func ParseCause(name string) (Cause, error) {
	for i, c := range causes {
		if c.name == name {
			return Cause(i), nil
		}
	}
	return parse[Cause](nil, name, "cause")
}
