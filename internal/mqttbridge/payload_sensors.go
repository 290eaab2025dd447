package mqttbridge

import (
	"math"
	"time"

	"wordclockd/internal/clock"
)

func sensorsPayload(v view) []byte {
	s := v.Sensors
	return compact(struct {
		Lux        float64     `json:"light_level_lux"`
		Raw        int         `json:"potentiometer_raw"`
		MV         int         `json:"potentiometer_voltage_mv"`
		Percentage float64     `json:"potentiometer_percentage"`
		PWM        clock.Level `json:"current_pwm"`
		GroupPWM   clock.Level `json:"current_grppwm"`
	}{tenth(s.Lux), s.KnobRaw, s.KnobMV, tenth(s.Knob * 100), v.Light.Individual, v.Light.Group})
}

// sensorNews reports whether what the sensors say has changed by more than noise.
func sensorNews(old, now view) bool {
	a, b := old.Sensors, now.Sensors
	lux := math.Abs(a.Lux - b.Lux)
	return lux > 1 && lux > max(a.Lux, b.Lux)/10 || math.Abs(a.Knob-b.Knob) > 0.01 ||
		old.Light.Individual != now.Light.Individual || old.Light.Group != now.Light.Group
}

// tenth rounds to one decimal; what is no number is 0.
func tenth(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return math.Round(x*10) / 10
}

// utc is a time on the wire; "" if there is none.
func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func wifiPayload(v view) []byte {
	if v.Network {
		return []byte("connected")
	}
	return []byte("disconnected")
}

func ntpPayload(v view) []byte {
	if v.Time.Quality == clock.Synced {
		return []byte("synced")
	}
	return []byte("not_synced")
}

// synced returns when the time was known for sure last, to the minute if that is now;
// ok is false if it never was.
func synced(v view) (at time.Time, ok bool) {
	if v.Sync.Host {
		now, known := v.Time.At(v.now)
		return now.Truncate(time.Minute), known
	}
	return v.Sync.LastSync, !v.Sync.LastSync.IsZero()
}

// lastSyncPayload says None, which Home Assistant takes for unknown, before the first
// time: an empty message would delete the one that is retained.
func lastSyncPayload(v view) []byte {
	at, ok := synced(v)
	if !ok {
		return []byte("None")
	}
	return []byte(utc(at))
}

// lastSyncNews leaves a host that is right, which is each minute anew, to the period.
func lastSyncNews(old, now view) bool {
	_, before := synced(old)
	_, after := synced(now)
	return before != after || !now.Sync.Host && !old.Sync.LastSync.Equal(now.Sync.LastSync)
}

// heartbeat is said on topic status each minute.
func heartbeat(v view) message {
	w := struct {
		Status  string `json:"status"`
		WiFi    bool   `json:"wifi_connected"`
		NTP     bool   `json:"ntp_synced"`
		Last    int64  `json:"last_ntp_sync,omitempty"`
		Seconds *int64 `json:"seconds_since_sync,omitempty"`
		Text    string `json:"last_sync_time,omitempty"`
		Next    int64  `json:"next_sync_expected,omitempty"`
	}{Status: "heartbeat", WiFi: v.Network, NTP: v.Time.Quality == clock.Synced}
	at, ok := synced(v)
	now, known := v.Time.At(v.now)
	if w.NTP && ok && known {
		since := max(0, int64(now.Sub(at)/time.Second))
		w.Last, w.Seconds, w.Text, w.Next = at.Unix(), &since, at.In(now.Location()).Format(time.DateTime), at.Unix()+3600
	}
	return v.status(string(compact(w)))
}
