package clock

// Image is the firmware that runs.
type Image struct {
	Project   string
	BuildDate string // as the compiler wrote it: "Nov 15 2025"
	BuildTime string // "10:46:40"
	IDF       string // version of ESP-IDF
	Digest    string // at its end, in hex; "" if there is none
	Size      int64  // of the image; 0 if it is not known
	Slot      string // ota_0
	SlotSize  int64
	Source    string // that served it, or "file"; "" if nobody knows

	State     ImageState
	BootCount uint32 // starts since it was confirmed
	FirstBoot bool   // from the switch to the verdict
	Rollback  *Rollback
}

// An ImageState is what is thought of the image that runs.
type ImageState string

const (
	Validated       ImageState = "validated"
	OnTrial         ImageState = "trial"
	RollbackPending ImageState = "rollback_pending" // it was rejected, the other one is started
	IsRolledBack    ImageState = "rolled_back"      // it came back, as the newer one was given up
)

// A Rollback is that an image was given up.
type Rollback struct {
	From, To string // versions
	Reason   string // crashed hung power_lost never_confirmed check_failed user image_invalid
	Text     string // for people; "" if there is no more to say
	News     bool   // this is the first start that was told of it
}
