package nvs

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A Type is that of a value. The numbers are those of ESP-IDF's nvs_type_t.
type Type uint8

const (
	U8     Type = 0x01
	I8     Type = 0x11
	U16    Type = 0x02
	I16    Type = 0x12
	U32    Type = 0x04
	I32    Type = 0x14
	U64    Type = 0x08
	I64    Type = 0x18
	String Type = 0x21
	Blob   Type = 0x42
)

// types is the one table of the names, which nvs_partition_gen has as encodings.
var types = []struct {
	t    Type
	name string
}{
	{U8, "u8"}, {I8, "i8"}, {U16, "u16"}, {I16, "i16"}, {U32, "u32"}, {I32, "i32"},
	{U64, "u64"}, {I64, "i64"}, {String, "string"}, {Blob, "blob"},
}

func (t Type) String() string {
	for _, x := range types {
		if x.t == t {
			return x.name
		}
	}
	return fmt.Sprintf("Type(0x%02x)", uint8(t))
}

// ParseType is the inverse of [Type.String].
func ParseType(name string) (Type, error) {
	var names []string
	for _, x := range types {
		if x.name == name {
			return x.t, nil
		}
		names = append(names, x.name)
	}
	return 0, fmt.Errorf("type %q: want %s", name, strings.Join(names, ", "))
}

// width is the size of an integer in bytes; 0 for what is none.
func (t Type) width() int {
	if t == String || t == Blob {
		return 0
	}
	return int(t & 0x0F)
}

func (t Type) signed() bool { return t&0x10 != 0 }

// Limits of ESP-IDF's store.
const (
	MaxName       = 15     // bytes of a key or namespace
	MaxString     = 3999   // bytes, without the NUL
	MaxBlob       = 508000 // bytes
	MaxNamespaces = 254
)

// A Value is a typed value as it is stored.
type Value struct {
	Type Type
	Data []byte // integers little-endian, strings without NUL
}

// Check returns an error if the value breaks a limit.
func (v Value) Check() error {
	switch n := len(v.Data); {
	case v.Type == String && n > MaxString:
		return fmt.Errorf("string of %d bytes: %d at most", n, MaxString)
	case v.Type == String && strings.IndexByte(string(v.Data), 0) >= 0:
		return fmt.Errorf("string with a NUL: store it as blob")
	case v.Type == Blob && n > MaxBlob:
		return fmt.Errorf("blob of %d bytes: %d at most", n, MaxBlob)
	case v.Type.width() > 0 && n != v.Type.width():
		return fmt.Errorf("%s of %d bytes: want %d", v.Type, n, v.Type.width())
	}
	if _, err := ParseType(v.Type.String()); err != nil {
		return err
	}
	return nil
}

// String returns the value as text: integers decimal, blobs hexadecimal.
func (v Value) String() string {
	switch {
	case v.Type == String:
		return string(v.Data)
	case v.Type == Blob || len(v.Data) != v.Type.width():
		return hex.EncodeToString(v.Data)
	}
	var raw [8]byte
	copy(raw[:], v.Data)
	u := binary.LittleEndian.Uint64(raw[:])
	if !v.Type.signed() {
		return strconv.FormatUint(u, 10)
	}
	shift := 64 - 8*v.Type.width()
	return strconv.FormatInt(int64(u<<shift)>>shift, 10)
}

// ParseValue is the inverse of [Value.String].
func ParseValue(t Type, text string) (v Value, err error) {
	v.Type = t
	switch {
	case t == String:
		v.Data = []byte(text)
	case t == Blob:
		if v.Data, err = hex.DecodeString(text); err != nil {
			return Value{}, fmt.Errorf("%q: want an even number of hexadecimal digits", text)
		}
	default:
		if v.Data, err = parseInteger(t, text); err != nil {
			return Value{}, err
		}
	}
	return v, v.Check()
}

func parseInteger(t Type, text string) ([]byte, error) {
	var u uint64
	var err error
	if t.signed() {
		var i int64
		i, err = strconv.ParseInt(text, 10, 8*t.width())
		u = uint64(i)
	} else {
		u, err = strconv.ParseUint(text, 10, 8*t.width())
	}
	if err != nil {
		return nil, fmt.Errorf("%q: want %s", text, t.span())
	}
	return binary.LittleEndian.AppendUint64(nil, u)[:t.width()], nil
}

// span says which integers a type holds.
func (t Type) span() string {
	n := 8 * t.width()
	if t.signed() {
		return fmt.Sprintf("%d to %d", -1<<(n-1), 1<<(n-1)-1)
	}
	return fmt.Sprintf("0 to %d", bits.Reverse64(^uint64(0))>>(64-n))
}

// checkName returns an error if a key or namespace has a name that it cannot
// have.
func checkName(what, name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%s %q: has %d characters, want 1 to %d", what, name, len(name), MaxName)
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || strings.IndexByte(`,"#`, c) >= 0 {
			return fmt.Errorf("%s %q: want printable ASCII without blank, comma, quote and #", what, name)
		}
	}
	return nil
}
