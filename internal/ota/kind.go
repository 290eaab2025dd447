package ota

// A Kind is an error as the firmware names it. Its number is the firmware's.
type Kind uint8

const (
	NoError Kind = iota
	NoInternet
	DownloadFailed
	ChecksumMismatch
	FlashFailed
	NoUpdatePartition
	InvalidVersion
	LowMemory
	AlreadyRunning
	UnknownError
)

// kinds is the one table of the firmware's texts.
var kinds = [...]string{
	NoError:           "No error",
	NoInternet:        "No internet connection",
	DownloadFailed:    "Download failed",
	ChecksumMismatch:  "Checksum mismatch",
	FlashFailed:       "Flash operation failed",
	NoUpdatePartition: "No OTA partition available",
	InvalidVersion:    "Invalid version",
	LowMemory:         "Insufficient memory",
	AlreadyRunning:    "Update already in progress",
	UnknownError:      "Unknown error",
}

// String returns the text; as in the firmware, that of a number which is none
// is "Unknown error".
func (k Kind) String() string { return kinds[min(k, UnknownError)] }

// ParseKind is the inverse of [Kind.String].
func ParseKind(text string) (Kind, error) { return parse[Kind](kinds[:], text, "kind of error") }
