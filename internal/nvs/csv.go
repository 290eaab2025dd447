package nvs

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The text form is that of ESP-IDF's nvs_partition_gen:
//
//	key,type,encoding,value
//	ota_manager,namespace,,
//	ota_source,data,u8,1
//	cert,file,binary,cert.der
//
// Lines that begin with # are dropped.

// MaxCSV is how long a text may be.
const MaxCSV = 4 << 20

var header = []string{"key", "type", "encoding", "value"}

// A CSVError is a text that is not of the form. Line counts from 1.
type CSVError struct {
	Line int
	Err  error
}

func (e *CSVError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *CSVError) Unwrap() error { return e.Err }

// AppendCSV appends entries, which must be sorted by namespace, as text. What
// the form cannot carry is an error.
func AppendCSV(b []byte, entries []Entry) ([]byte, error) {
	out := bytes.NewBuffer(b)
	w := csv.NewWriter(out)
	_ = w.Write(header)
	namespace := ""
	for _, e := range entries {
		if e.Namespace != namespace {
			namespace = e.Namespace
			_ = w.Write([]string{namespace, "namespace", "", ""})
		}
		encoding := e.Value.Type.String()
		if e.Value.Type == Blob {
			encoding = "hex2bin"
		}
		text := e.Value.String()
		if strings.Contains(text, "\r") || strings.Contains(text, "\n#") {
			return nil, fmt.Errorf("%s/%s: %w", e.Namespace, e.Key, errUnspeakable)
		}
		_ = w.Write([]string{e.Key, "data", encoding, text})
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// ParseCSV reads entries from text. Values of type file are read by open. No
// entry is returned with an error, which is a *CSVError.
func ParseCSV(text []byte, open func(path string) ([]byte, error)) ([]Entry, error) {
	if len(text) > MaxCSV {
		return nil, &CSVError{1, fmt.Errorf("text of %d bytes: %d at most", len(text), MaxCSV)}
	}
	if at := bytes.IndexByte(text, '\r'); at >= 0 {
		return nil, &CSVError{1 + bytes.Count(text[:at], []byte("\n")), errors.New("CR: convert the text to Unix line ends")}
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comment, r.FieldsPerRecord = '#', len(header)
	p := csvParser{open: open, seen: map[[2]string]int{}}
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			if first {
				err = errNoHeader
			} else {
				return p.entries, nil
			}
		}
		line := 1
		if err == nil {
			line, _ = r.FieldPos(0)
			err = p.row(record, first, line)
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			line, err = e.Line, e.Err
		}
		if err != nil {
			return nil, &CSVError{line, err}
		}
	}
}

var errNoHeader = fmt.Errorf("want %s", strings.Join(header, ","))

var errUnspeakable = errors.New("a string with CR, or with # at the begin of a line, cannot be said in CSV: make it a blob")

type csvParser struct {
	open      func(path string) ([]byte, error)
	namespace string
	entries   []Entry
	seen      map[[2]string]int // in which line
}

func (p *csvParser) row(f []string, first bool, line int) error {
	if first {
		if strings.Join(f, ",") != strings.Join(header, ",") {
			return errNoHeader
		}
		return nil
	}
	key, kind, encoding, text := f[0], f[1], f[2], f[3]
	if kind == "namespace" {
		if encoding != "" || text != "" {
			return fmt.Errorf("namespace %q: has an encoding or a value", key)
		}
		p.namespace = key
		return checkName("namespace", key)
	}
	if p.namespace == "" {
		return fmt.Errorf("key %q: comes before any namespace", key)
	}
	if err := checkName("key", key); err != nil {
		return err
	}
	id := [2]string{p.namespace, key}
	if was := p.seen[id]; was > 0 {
		return fmt.Errorf("key %q: is in line %d already", key, was)
	}
	p.seen[id] = line
	v, err := p.value(kind, encoding, text)
	if err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	e := Entry{p.namespace, key, v}
	if err := e.Fits(); err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	p.entries = append(p.entries, e)
	return nil
}

func (p *csvParser) value(kind, encoding, text string) (Value, error) {
	switch kind {
	case "data":
		if strings.Contains(text, "\n#") {
			return Value{}, errUnspeakable
		}
	case "file":
		raw, err := p.open(text)
		if err != nil {
			return Value{}, err
		}
		text = string(raw)
		if encoding == "hex2bin" || encoding == "base64" {
			text = strings.TrimSpace(text)
		} else if encoding != "string" && encoding != "binary" {
			return Value{}, fmt.Errorf("encoding %q of a file: want string, binary, hex2bin or base64", encoding)
		}
	default:
		return Value{}, fmt.Errorf("type %q: want namespace, data or file", kind)
	}
	return decodeText(encoding, text)
}

func decodeText(encoding, text string) (v Value, err error) {
	v.Type = Blob
	switch encoding {
	case "binary":
		v.Data = []byte(text)
	case "hex2bin":
		v.Data, err = hex.DecodeString(text)
	case "base64":
		v.Data, err = base64.StdEncoding.Strict().DecodeString(text)
	case "blob":
		err = errors.New(`encoding "blob": want binary, hex2bin or base64`)
	default:
		t, err := ParseType(encoding)
		if err != nil {
			return Value{}, fmt.Errorf("encoding %q: want u8, i8, u16, i16, u32, i32, u64, i64, string, binary, hex2bin or base64", encoding)
		}
		return ParseValue(t, text)
	}
	if err != nil {
		return Value{}, err
	}
	return v, v.Check()
}
