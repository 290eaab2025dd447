package nvs

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// example is one of nvs_partition_gen's.
const example = `key,type,encoding,value
ota_manager,namespace,,
ota_source,data,u8,1
boot_count,data,u32,3
first_boot,data,u8,1
`

func noFiles(string) ([]byte, error) { return nil, os.ErrNotExist }

func TestCSV(t *testing.T) {
	entries, err := ParseCSV([]byte(example), noFiles)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{"ota_manager", "ota_source", Value{U8, []byte{1}}},
		{"ota_manager", "boot_count", Value{U32, []byte{3, 0, 0, 0}}},
		{"ota_manager", "first_boot", Value{U8, []byte{1}}},
	}
	if !reflect.DeepEqual(entries, want) {
		t.Errorf("%v, want %v", entries, want)
	}
	if text, err := AppendCSV(nil, entries); string(text) != example || err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestCSVEverything has every type, encoding and kind of value.
func TestCSVEverything(t *testing.T) {
	files := map[string]string{"s": "text\nof two", "b": "\x00\x01", "h": "cafe\n", "e": "AAE="}
	entries, err := ParseCSV([]byte(`key,type,encoding,value
# a comment
a,namespace,,
i8,data,i8,-1
i16,data,i16,-300
i64,data,i64,-9223372036854775808
u64,data,u64,18446744073709551615
empty,data,string,
text,data,string,"a, ""b""
c"
bin,data,binary,xyz
hex,data,hex2bin,00FF
b64,data,base64,AAEC
b,namespace,,
fs,file,string,s
fb,file,binary,b
fh,file,hex2bin,h
fe,file,base64,e
a,namespace,,
more,data,u16,9
`), func(path string) ([]byte, error) { return []byte(files[path]), nil })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		got[e.Namespace+"/"+e.Key+" "+e.Value.Type.String()] = e.Value.String()
	}
	want := map[string]string{
		"a/i8 i8": "-1", "a/i16 i16": "-300", "a/i64 i64": "-9223372036854775808", "a/u64 u64": "18446744073709551615",
		"a/empty string": "", "a/text string": "a, \"b\"\nc", "a/bin blob": "78797a", "a/hex blob": "00ff", "a/b64 blob": "000102",
		"b/fs string": "text\nof two", "b/fb blob": "0001", "b/fh blob": "cafe", "b/fe blob": "0001", "a/more u16": "9",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestBadCSV(t *testing.T) {
	ns := "key,type,encoding,value\nns,namespace,,\n"
	for text, want := range map[string]string{
		"":                                       "line 1: want key,type,encoding,value",
		"key,type,value\n":                       "line 1: wrong number of fields",
		"key, type, encoding, value\n":           "line 1: want key,type,encoding,value",
		"key,type,encoding,value\na,data,u8,1\n": `line 2: key "a": comes before any namespace`,
		"key,type,encoding,value\r\n":            "line 1: CR: convert the text to Unix line ends",
		ns + "a,data,u8,1\r\n":                   "line 3: CR: convert the text to Unix line ends",
		ns + "a,data,u8\n":                       "line 3: wrong number of fields",
		ns + "a,data,u8,0x1\n":                   `line 3: key "a": "0x1": want 0 to 255`,
		ns + "a,data,u9,1\n":                     `line 3: key "a": encoding "u9": want u8, i8, u16, i16, u32, i32, u64, i64, string, binary, hex2bin or base64`,
		ns + "a,data,blob,00\n":                  `line 3: key "a": encoding "blob": want binary, hex2bin or base64`,
		ns + "a,date,u8,1\n":                     `line 3: key "a": type "date": want namespace, data or file`,
		ns + "a,data,hex2bin,0\n":                `line 3: key "a": encoding/hex: odd length hex string`,
		ns + "a,data,base64,?\n":                 `line 3: key "a": illegal base64 data at input byte 0`,
		ns + "a,file,u8,f\n":                     `line 3: key "a": file does not exist`,
		ns + "sixteen_letters_,data,u8,1\n":      `line 3: key "sixteen_letters_": has 16 characters, want 1 to 15`,
		ns + "a,data,u8,1\na,data,u8,2\n":        `line 4: key "a": is in line 3 already`,
		ns + "other,namespace,u8,\n":             `line 3: namespace "other": has an encoding or a value`,
		ns + "this_is_too_long,namespace,,\n":    `line 3: namespace "this_is_too_long": has 16 characters, want 1 to 15`,
		ns + "a,data,string,\"x\n":               `line 3: extraneous or missing " in quoted-field`,
		ns + "a,data,string,\"x\n#y\"\n":         `line 3: key "a": a string with CR, or with # at the begin of a line, cannot be said in CSV: make it a blob`,
		strings.Repeat("#\n", MaxCSV):            "line 1: text of 8388608 bytes: 4194304 at most",
	} {
		entries, err := ParseCSV([]byte(text), noFiles)
		if err == nil || !strings.HasPrefix(err.Error(), want) || entries != nil {
			t.Errorf("%.60q: %v, %v, want %s", text, entries, err, want)
		}
		if _, ok := errors.AsType[*CSVError](err); !ok {
			t.Errorf("%.60q: error %v is no *CSVError", text, err)
		}
	}
	for _, text := range []string{"a\rb", "a\n#b"} {
		if _, err := AppendCSV(nil, []Entry{{"n", "k", Value{String, []byte(text)}}}); err == nil || !strings.HasPrefix(err.Error(), "n/k: a string with CR") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// FuzzCSV: what is parsed is written as text that parses to the same.
func FuzzCSV(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("key,type,encoding,value\na,namespace,,\ntext,data,string,\"a, \"\"b\"\"\nc\"\nhex,data,hex2bin,00FF\nb64,data,base64,AAEC\ni,data,i64,-1\n"))
	f.Add([]byte("key,type,encoding,value\n#x\nb,namespace,,\na,namespace,,\nf,file,string,x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := ParseCSV(text, noFiles)
		if err != nil {
			if entries != nil {
				t.Error("entries in spite of an error")
			}
			return
		}
		again, err := AppendCSV(nil, entries)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseCSV(again, noFiles)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if len(back) != len(entries) || len(back) > 0 && !reflect.DeepEqual(entries, back) {
			t.Errorf("%v, want %v\n%s", back, entries, again)
		}
	})
}
