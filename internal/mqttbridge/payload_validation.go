package mqttbridge

import (
	"time"

	"wordclockd/internal/clock"
)

// validated makes a state of the last read-back of the LEDs, once there was one.
func validated(f func(clock.Validation) any) func(view) []byte {
	return func(v view) []byte {
		if v.Validation == nil {
			return nil
		}
		return compact(f(*v.Validation))
	}
}

func validationConfig(v view) []byte {
	return compact(struct {
		Enabled  any `json:"enabled"`
		Interval any `json:"interval_s"`
	}{valueOf(v.Settings, validates), valueOf(v.Settings, validateEvery)})
}

func passedOr(failed string, ok bool) string {
	if ok {
		return "passed"
	}
	return failed
}

func validationStatus(x clock.Validation) any {
	return struct {
		Result string `json:"result"`
		At     string `json:"timestamp"`
		TookMS int64  `json:"execution_time_ms"`
	}{passedOr("failed", x.Failure == clock.FailureNone), utc(x.At), int64(x.Took / time.Millisecond)}
}

func validationResult(x clock.Validation) any {
	w := struct {
		SoftwareValid  bool   `json:"software_valid"`
		HardwareValid  bool   `json:"hardware_valid"`
		HardwareFaults bool   `json:"hardware_faults"`
		GroupDiffers   bool   `json:"grppwm_mismatch"`
		Mismatches     int    `json:"mismatches"`
		FailureType    string `json:"failure_type"`
		SoftwareErrors int    `json:"software_errors"`
		ReadFailures   int    `json:"hardware_read_failures"`
		Recovery       string `json:"recovery,omitempty"`
		Type           string `json:"validation_type,omitempty"`
	}{
		x.SoftwareValid, x.HardwareValid, x.HardwareFaults, x.GroupDiffers, x.Mismatches, x.Failure.String(),
		x.SoftwareErrors, x.ReadFailures, "", "post_transition",
	}
	if x.Periodic {
		w.Type, w.Recovery = "", "failed"
		if x.Recovered {
			w.Recovery = "success"
		}
	}
	return w
}

func validationStatistics(x clock.Validation) any {
	s := x.Stats
	return struct {
		Total       uint32 `json:"total_validations"`
		Failed      uint32 `json:"validations_failed"`
		Health      int    `json:"health_score"`
		Consecutive uint32 `json:"consecutive_failures"`
		Attempts    uint32 `json:"recovery_attempts"`
		Recoveries  uint32 `json:"recovery_successes"`
		Hardware    uint32 `json:"hardware_fault_count"`
		Bus         uint32 `json:"i2c_bus_failure_count"`
		Systematic  uint32 `json:"systematic_mismatch_count"`
		Partial     uint32 `json:"partial_mismatch_count"`
		Group       uint32 `json:"grppwm_mismatch_count"`
		Software    uint32 `json:"software_error_count"`
	}{
		s.Total, s.Failed, min(max(s.Health, 0), 100), s.Consecutive, s.Attempts, s.Recoveries,
		s.By[clock.HardwareFault], s.By[clock.BusFailure], s.By[clock.SystematicMismatch],
		s.By[clock.PartialMismatch], s.By[clock.GroupMismatch], s.By[clock.SoftwareError],
	}
}

type mismatch struct {
	Row      int         `json:"r"`
	Col      int         `json:"c"`
	Expected clock.Level `json:"exp"`
	Software clock.Level `json:"sw"`
	Hardware clock.Level `json:"hw"`
	Diff     int         `json:"diff"`
}

// validationMismatches lists what is wrong; nothing once all is well again.
func validationMismatches(x clock.Validation) any {
	w := struct {
		Count int        `json:"count"`
		LEDs  []mismatch `json:"leds"`
	}{len(x.LEDs), []mismatch{}}
	for _, m := range x.LEDs {
		diff := int(m.Hardware) - int(m.Software)
		w.LEDs = append(w.LEDs, mismatch{m.Row, m.Col, m.Expected, m.Software, m.Hardware, max(diff, -diff)})
	}
	return w
}
