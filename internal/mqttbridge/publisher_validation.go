package mqttbridge

import (
	"fmt"

	"wordclockd/internal/clock"
)

// A judgement is what the read-back after a change of the face came to, and of what words.
type judgement struct {
	words   string
	failure clock.FailureType
}

// validation tells what the read-back after a change of the words came to, or of the
// minute LEDs alone if that is news; and what was done about any.
func (t *teller) validation(v view) (out []message) {
	x := v.Validation
	if x == nil || x == t.validated {
		return nil
	}
	if is := (judgement{v.Face.Phrase.Text(), x.Failure}); !x.Periodic && is != t.judged {
		t.judged = is
		out = append(out, v.status(fmt.Sprintf("Recovery check: failure=%d (%s)", uint8(x.Failure), x.Failure)))
	}
	if x.Repaired {
		outcome := "validation_recovery_failed"
		if x.Recovered {
			outcome = "validation_recovery_success"
		}
		out = append(out, v.status("recovery_starting"), v.status(outcome))
	}
	return out
}
