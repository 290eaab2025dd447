package nvs

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		t    Type
		text string
		data string // hex
	}{
		{U8, "0", "00"}, {U8, "255", "ff"},
		{I8, "-128", "80"}, {I8, "127", "7f"}, {I8, "-1", "ff"},
		{U16, "8883", "b322"}, {I16, "-2", "feff"},
		{U32, "3", "03000000"}, {I32, "-2147483648", "00000080"},
		{U64, "18446744073709551615", "ffffffffffffffff"}, {I64, "-1", "ffffffffffffffff"}, {I64, "9223372036854775807", "ffffffffffffff7f"},
		{String, "", ""}, {String, "Wohnzimmer, ü", "576f686e7a696d6d65722c20c3bc"},
		{Blob, "", ""}, {Blob, "00ff", "00ff"},
	} {
		v, err := ParseValue(c.t, c.text)
		if err != nil || hex.EncodeToString(v.Data) != c.data {
			t.Errorf("%s %q: % x, %v, want %s", c.t, c.text, v.Data, err, c.data)
		}
		if got := v.String(); got != c.text {
			t.Errorf("%s %q comes back as %q", c.t, c.text, got)
		}
	}
}

func TestBadValues(t *testing.T) {
	for _, c := range []struct {
		t          Type
		text, want string
	}{
		{U8, "256", `"256": want 0 to 255`},
		{U8, "-1", `"-1": want 0 to 255`},
		{U8, "0x10", `"0x10": want 0 to 255`},
		{U8, "", `"": want 0 to 255`},
		{I8, "128", `"128": want -128 to 127`},
		{U16, "65536", `"65536": want 0 to 65535`},
		{I16, "40000", `"40000": want -32768 to 32767`},
		{U32, "1.5", `"1.5": want 0 to 4294967295`},
		{I32, "x", `"x": want -2147483648 to 2147483647`},
		{U64, "18446744073709551616", `"18446744073709551616": want 0 to 18446744073709551615`},
		{I64, "9223372036854775808", `"9223372036854775808": want -9223372036854775808 to 9223372036854775807`},
		{Blob, "0", `"0": want an even number of hexadecimal digits`},
		{String, "a\x00b", "string with a NUL: store it as blob"},
		{String, strings.Repeat("x", 4000), "string of 4000 bytes: 3999 at most"},
		{Blob, strings.Repeat("00", MaxBlob+1), "blob of 508001 bytes: 508000 at most"},
		{0x99, "1", `type "Type(0x99)": want u8, i8, u16, i16, u32, i32, u64, i64, string, blob`},
	} {
		if _, err := ParseValue(c.t, c.text); err == nil || !strings.HasPrefix(err.Error(), c.want) && c.t != 0x99 {
			t.Errorf("%s %.20q: error %v, want %s", c.t, c.text, err, c.want)
		}
	}
	if err := (Value{U16, []byte{1}}).Check(); err == nil || err.Error() != "u16 of 1 bytes: want 2" {
		t.Errorf("short: %v", err)
	}
	if got := (Value{U16, []byte{1}}).String(); got != "01" {
		t.Errorf("short: %s", got)
	}
}

func TestTypes(t *testing.T) {
	for _, x := range types {
		if got, err := ParseType(x.t.String()); got != x.t || err != nil {
			t.Errorf("%s: %v, %v", x.name, got, err)
		}
	}
	if _, err := ParseType("float"); err == nil || !strings.Contains(err.Error(), "want u8, i8") {
		t.Errorf("error %v", err)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "fifteen_letters": true, "UPPER.lower-1": true,
		"": false, "sixteen_letters_": false, "a b": false, "a,b": false, "ü": false, "a\n": false, "#a": false, `a"`: false,
	} {
		if err := checkName("key", name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestSchema holds the layouts of the firmware, byte by byte.
func TestSchema(t *testing.T) {
	for key, want := range map[string]string{
		"brightness/light_sensor":  "0000803f" + "00002041" + "051e0000",
		"brightness/potentiometer": "05ff000000000000" + "50000000",
		"led_valid/config":         "0001000000" + "03" + "5e01" + "0100",
		"mqtt_config/port":         "b322",
		"chime_config/chime_set":   hex.EncodeToString([]byte("WESTMINSTER")),
		"ota_manager/boot_count":   "00000000",
		"ota_manager/ota_source":   "00",
	} {
		ns, name, _ := strings.Cut(key, "/")
		k, ok := Look(ns, name)
		if got := hex.EncodeToString(k.Default.Data); !ok || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if k, _ := Look("brightness", "light_sensor"); len(k.Default.Data) != 60 || k.Default.Type != Blob {
		t.Errorf("light_sensor: %s of %d bytes", k.Default.Type, len(k.Default.Data))
	}
	seen := map[string]bool{}
	for _, k := range Schema {
		id := k.Namespace + "/" + k.Key
		if seen[id] || k.Doc == "" || checkName("", k.Namespace) != nil || checkName("", k.Key) != nil || k.Default.Check() != nil {
			t.Errorf("%s: %+v", id, k)
		}
		seen[id] = true
	}
	if _, ok := Look("brightness", "none"); ok {
		t.Error("a key that is none is known")
	}
}
