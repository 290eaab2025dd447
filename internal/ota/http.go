package ota

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
)

// HTTP is a source on the web.
type HTTP struct {
	// Immutable.
	source clock.Source
	config config.OTA
	client *http.Client
	agent  string
}

// NewHTTP returns source s as it is configured, asked through rt by the name
// of agent, such as "wordclockd/3.0.0". It keeps no cookies.
func NewHTTP(c config.OTA, s clock.Source, rt http.RoundTripper, agent string) *HTTP {
	return &HTTP{s, c, &http.Client{Transport: rt, CheckRedirect: Redirects(c)}, agent}
}

func (h *HTTP) String() string { return h.source.String() }

// URL returns where a file of the source is.
func (h *HTTP) URL(name string) (*url.URL, error) {
	c := h.config.GitHub
	if h.source == clock.Cloudflare {
		c = h.config.Cloudflare
	}
	switch {
	case name == ManifestName:
		return url.Parse(c.Manifest)
	case name == ImageName:
		return url.Parse(c.Image)
	case c.Base != "":
		u, err := url.Parse(c.Base)
		if err != nil {
			return nil, err
		}
		return u.JoinPath(name), nil
	}
	u, err := url.Parse(c.Manifest)
	if err != nil {
		return nil, err
	}
	return u.ResolveReference(&url.URL{Path: name}), nil
}

// Open implements [Source].
func (h *HTTP) Open(ctx context.Context, name string, off int64) (*Body, error) {
	resp, t, err := h.do(ctx, name, off)
	if err != nil {
		return nil, h.at(err, resp)
	}
	size, skip, err := accept(resp, off)
	if err != nil {
		resp.Body.Close()
		return nil, h.at(err, resp)
	}
	t.enter(reading)
	return &Body{
		ReadCloser: &body{resp: resp, trace: t, source: h},
		Size:       size,
		Skip:       skip,
		Encoding:   encoding(resp.Header),
		Status:     resp.StatusCode,
		URL:        shown(resp.Request.URL),
	}, nil
}

func (h *HTTP) at(err error, resp *http.Response) *Error {
	if resp == nil {
		return at(err, Idle, h.String(), 0)
	}
	return at(err, Idle, h.String(), resp.StatusCode)
}

// do asks for a file. A response that comes with an error is closed and has
// only the status to tell, that of the last redirect.
func (h *HTTP) do(ctx context.Context, name string, off int64) (*http.Response, *trace, error) {
	u, err := h.URL(name)
	if err != nil {
		return nil, nil, fmt.Errorf("address of %s: %w", name, plain(err))
	}
	if err := Permit(h.config, u); err != nil {
		return nil, nil, err
	}
	t := &trace{ctx: ctx}
	req, err := http.NewRequestWithContext(t.attached(), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("address of %s: %w", name, plain(err))
	}
	req.Header.Set("User-Agent", h.agent)
	req.Header.Set("Accept-Encoding", "identity")
	if off > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", off))
	}
	resp, err := h.client.Do(req)
	switch {
	case ctx.Err() != nil:
		// An answer now may be the server's to our hanging up.
		if err == nil {
			resp.Body.Close()
		}
		return nil, nil, t.interrupted()
	case err == nil:
		return resp, t, nil
	case CauseOf(err) == Truncated:
		return nil, nil, fault(Refused, fmt.Errorf("no answer: %w", plain(err)))
	}
	return resp, nil, advised(plain(err))
}

// plain takes away what package net/url puts around an error: the address, in
// which there may be secrets.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// advised adds what helps against some errors of certificates.
func advised(err error) error {
	switch {
	case CauseOf(err) == TLSExpired:
		return fmt.Errorf("%w; is the host's time right?", err)
	case is[x509.UnknownAuthorityError](err):
		return fmt.Errorf("%w; ota.ca_file can name more", err)
	}
	return err
}

// accept returns the size of the whole file, -1 if it is not known, and how much
// of it comes unasked, if the status is the one that was hoped for.
func accept(r *http.Response, off int64) (size, skip int64, err error) {
	switch {
	case r.StatusCode == http.StatusOK:
		return r.ContentLength, off, nil
	case off > 0 && r.StatusCode == http.StatusPartialContent:
		size, err = contentRange(r.Header.Get("Content-Range"), off)
		return size, 0, err
	}
	status := strings.TrimSpace(fmt.Sprint(r.StatusCode, " ", http.StatusText(r.StatusCode)))
	return 0, 0, fault(HTTPStatus, fmt.Errorf("%s: %s", shown(r.Request.URL), status))
}

// encoding returns that of a content which is not sent as it is.
func encoding(h http.Header) string {
	e := strings.Join(h.Values("Content-Encoding"), ", ")
	if strings.EqualFold(e, "identity") {
		return ""
	}
	return e
}

// contentRange returns the size that a header as RFC 9110 section 14.4 has it
// gives, if it begins at off and goes to the end.
func contentRange(header string, off int64) (int64, error) {
	var first, last, size int64
	n, err := fmt.Sscanf(header, "bytes %d-%d/%d", &first, &last, &size)
	if err != nil || n != 3 || first != off || last != size-1 || last < first {
		return 0, fault(RangeBroken, fmt.Errorf("Content-Range %.80q: want all that follows byte %d", header, off))
	}
	return size, nil
}

// A body is what is read from a response, with errors that have a cause.
type body struct {
	resp   *http.Response
	trace  *trace
	source *HTTP
	n      int64 // bytes read
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.resp.Body.Read(p)
	b.n += int64(n)
	switch {
	case err == nil:
		return n, nil
	case b.trace.ctx.Err() != nil: // io.EOF too may come of our hanging up
		err = b.trace.interrupted()
	case err == io.EOF:
		return n, err
	case CauseOf(err) == Refused || CauseOf(err) == Truncated:
		err = fault(Truncated, fmt.Errorf("connection ended after %d bytes: %w", b.n, err))
	}
	return n, b.source.at(err, b.resp)
}

func (b *body) Close() error { return b.resp.Body.Close() }
