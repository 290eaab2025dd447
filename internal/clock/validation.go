package clock

import (
	"fmt"
	"time"
)

// A FailureType is what a read-back of the LEDs came to. The numbers are the firmware's.
type FailureType uint8

const (
	FailureNone FailureType = iota
	HardwareFault
	BusFailure
	SystematicMismatch
	PartialMismatch
	GroupMismatch
	SoftwareError
)

var failureTypes = [...]string{
	FailureNone: "NONE", HardwareFault: "HARDWARE_FAULT", BusFailure: "I2C_BUS_FAILURE", SystematicMismatch: "SYSTEMATIC_MISMATCH",
	PartialMismatch: "PARTIAL_MISMATCH", GroupMismatch: "GRPPWM_MISMATCH", SoftwareError: "SOFTWARE_ERROR",
}

func (f FailureType) String() string {
	if int(f) >= len(failureTypes) {
		return fmt.Sprintf("FailureType(%d)", uint8(f))
	}
	return failureTypes[f]
}

// A Validation is the last read-back of the LEDs, and what all of them came to.
type Validation struct {
	At       time.Time // UTC
	Took     time.Duration
	Periodic bool // not after a change of the face

	Failure        FailureType
	SoftwareValid  bool
	HardwareValid  bool
	HardwareFaults bool // some driver does not answer
	GroupDiffers   bool
	Mismatches     int
	SoftwareErrors int
	ReadFailures   int
	Repaired       bool // a repair was tried
	Recovered      bool // all is well then; true if nothing was wrong, too

	LEDs  []Mismatch // of the last one
	Stats ValidationStats
}

// A Mismatch is an LED that is not as it is wanted.
type Mismatch struct {
	Row, Col                     int
	Expected, Software, Hardware Level
}

// ValidationStats counts over the validations of the last 24 hours, or since the start.
type ValidationStats struct {
	Total, Failed, Consecutive uint32
	Health                     int // 0 to 100
	Attempts, Recoveries       uint32
	By                         [len(failureTypes)]uint32 // failures by type
}
