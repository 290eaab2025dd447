package ota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestCauses: the names that others know, each of them, there and back.
func TestCauses(t *testing.T) {
	names := strings.Fields(`dns refused timeout stalled tls_name tls_expired tls_untrusted http_status redirect_loop
		redirect_insecure manifest_invalid manifest_too_large missing_hash too_large truncated range_broken wrong_bytes
		image_invalid wrong_chip wrong_project wrong_version below_floor unsigned bad_signature flash_full flash_io on_trial cancelled`)
	for i, name := range append([]string{""}, names...) {
		c := Cause(i)
		if got, err := ParseCause(name); got != c || err != nil || c.String() != name {
			t.Errorf("%q: parsed as %v, %v; cause %d is %q", name, got, err, i, c)
		}
		if (c == NoCause) != (c.Kind() == NoError) || c.Kind() >= UnknownError {
			t.Errorf("%s: %s", c, c.Kind())
		}
	}
	beyond := Cause(len(names) + 1)
	if beyond.String() != "Cause(29)" || beyond.Kind() != UnknownError {
		t.Errorf("%s: %s", beyond, beyond.Kind())
	}
	for _, name := range []string{"DNS", "no", "Cause(29)"} {
		if c, err := ParseCause(name); err == nil || c != 0 {
			t.Errorf("%q: parsed as %v", name, c)
		}
	}
}

// TestKinds: the firmware's texts by the firmware's numbers.
func TestKinds(t *testing.T) {
	for i, text := range []string{
		"No error", "No internet connection", "Download failed", "Checksum mismatch", "Flash operation failed",
		"No OTA partition available", "Invalid version", "Insufficient memory", "Update already in progress", "Unknown error",
	} {
		if got, err := ParseKind(text); got != Kind(i) || err != nil || Kind(i).String() != text {
			t.Errorf("%q: parsed as %d, %v; kind %d is %q", text, got, err, i, Kind(i))
		}
	}
	if got := Kind(200).String(); got != "Unknown error" {
		t.Errorf("got %q", got)
	}
	if k, err := ParseKind("no error"); err == nil || k != 0 {
		t.Errorf("parsed as %v", k)
	}
}

func TestStates(t *testing.T) {
	for i, name := range strings.Fields("idle checking downloading verifying flashing complete failed") {
		if got, err := ParseState(name); got != State(i) || err != nil || State(i).String() != name {
			t.Errorf("%q: parsed as %d, %v; state %d is %q", name, got, err, i, State(i))
		}
	}
	if s, err := ParseState("COMPLETE"); err == nil || s != 0 {
		t.Errorf("parsed as %v", s)
	}
	if got := State(7).String(); got != "State(7)" {
		t.Errorf("got %q", got)
	}
}

// TestCauseOf is what need not come through a source.
func TestCauseOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Cause
	}{
		{nil, NoCause},
		{errors.New("anything"), Refused},
		{context.Canceled, Cancelled},
		{&url.Error{Op: "Get", URL: "https://x", Err: context.DeadlineExceeded}, Timeout},
		{os.ErrDeadlineExceeded, Timeout},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, Refused},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, Timeout},
		{&net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}, DNS},
		{io.ErrUnexpectedEOF, Truncated},
		{io.EOF, Refused},
		{fmt.Errorf("more: %w", &Error{Cause: FlashFull, Err: io.ErrUnexpectedEOF}), FlashFull},
		{Unanswered{{Cause: HTTPStatus}, {Cause: DNS}}, HTTPStatus},
	} {
		if got := CauseOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestError(t *testing.T) {
	inner := errors.New("404 Not Found")
	e := at(fault(HTTPStatus, inner), Checking, "github", 404)
	if got, want := e.Error(), "github: http_status: 404 Not Found"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(Unanswered{e}, inner) {
		t.Error("what Unanswered has in it is not found")
	}
	// What is known stays, and who knew it is not changed.
	again := at(e, Downloading, "cloudflare", 500)
	if again == e || again.During != Checking || again.Source != "github" || again.Status != 404 {
		t.Errorf("%+v", again)
	}
	if got, want := (&Error{Kind: AlreadyRunning, Cause: OnTrial}).Error(), "on_trial: Update already in progress"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
