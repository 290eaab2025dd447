package config

import (
	"log/slog"
	"strings"
	"testing"
)

func TestDefaults(t *testing.T) {
	c, err := Read(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Device.Zone.String() != "Europe/Vienna" || c.Board != (Board{Sim, 1, 3}) || c.Log != (Log{slog.LevelInfo, "auto"}) {
		t.Errorf("defaults %+v", c)
	}
}

func TestEnvironment(t *testing.T) {
	c, err := Read([]string{
		"PATH=/bin", "WORDCLOCKD_PEERS=require", "WORDCLOCKDX=1",
		"WORDCLOCKD_DEVICE_TIMEZONE=America/St_Johns",
		"WORDCLOCKD_BOARD_KIND=linux", "WORDCLOCKD_BOARD_LEDS_BUS=0", "WORDCLOCKD_BOARD_SENSORS_BUS=22",
		"WORDCLOCKD_LOG_LEVEL=debug", "WORDCLOCKD_LOG_FORMAT=json",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Device.Zone.String() != "America/St_Johns" || c.Board != (Board{Linux, 0, 22}) || c.Log != (Log{slog.LevelDebug, "json"}) {
		t.Errorf("read %+v", c)
	}
}

func TestBadVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"DEVICE_TIMEZONE=Europe/Wien": `"Europe/Wien": want a time zone such as Europe/Vienna`,
		"DEVICE_TIMEZONE=Local":       `"Local": want a time zone such as Europe/Vienna`,
		"DEVICE_TIMEZONE=":            `"": want a time zone such as Europe/Vienna`,
		"BOARD_KIND=arduino":          `"arduino": want sim or linux`,
		"BOARD_LEDS_BUS=-1":           `"-1": want the number N of a /dev/i2c-N`,
		"BOARD_LEDS_BUS=/dev/i2c-1":   `"/dev/i2c-1": want the number N of a /dev/i2c-N`,
		"BOARD_LEDS_BUS=0x1":          `"0x1": want the number N of a /dev/i2c-N`,
		"BOARD_SENSORS_BUS=99999":     `"99999": want the number N of a /dev/i2c-N`,
		"LOG_LEVEL=loud":              `"loud": want debug, info, warn or error`,
		"LOG_FORMAT=xml":              `"xml": want auto or text or json`,
		"BOARD_LED_BUS=1":             `"1": no such key, the nearest is WORDCLOCKD_BOARD_LEDS_BUS`,
		"BORD_KIND=linux":             `"linux": no such key, the nearest is WORDCLOCKD_BOARD_KIND`,
		"BOARD=linux":                 `"linux": no such key, the nearest is WORDCLOCKD_BOARD_KIND`,
		"LOG_LEVLE=info":              `"info": no such key, the nearest is WORDCLOCKD_LOG_LEVEL`,
	} {
		name, _, _ := strings.Cut(variable, "=")
		want = "WORDCLOCKD_" + name + "=" + want
		if _, err := Read([]string{"WORDCLOCKD_" + variable}); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", variable, err, want)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"bus", "buses", 2}} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d edits, want %d", c.a, c.b, got, c.want)
		}
	}
}
