package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"wordclockd/internal/clock"
)

// ErrNotRunning says that no clock listens on the socket.
var ErrNotRunning = errors.New("the clock is not running")

// A Client asks the clock behind a socket.
type Client struct {
	path string
	http http.Client
}

// NewClient returns a client of the socket at path. It does not connect.
func NewClient(path string) *Client {
	return &Client{path, http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx, path) },
		DisableKeepAlives: true,
	}}}
}

// Reach returns nil if a clock listens, and else why it cannot be asked.
func (c *Client) Reach(ctx context.Context) error {
	conn, err := connect(ctx, c.path)
	if err != nil {
		return c.explain(err)
	}
	return conn.Close()
}

// Status returns what the clock has to say about itself.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.call(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Change changes settings: all of them, or none.
func (c *Client) Change(ctx context.Context, values map[string]any) (s Changed, err error) {
	return s, c.call(ctx, http.MethodPatch, "/v1/settings", values, &s)
}

// Journal returns the error journal.
func (c *Client) Journal(ctx context.Context) (j Journal, err error) {
	return j, c.call(ctx, http.MethodGet, "/v1/journal", nil, &j)
}

// History returns the updates that are over.
func (c *Client) History(ctx context.Context) (h History, err error) {
	return h, c.call(ctx, http.MethodGet, "/v1/history", nil, &h)
}

// Health has the clock examined.
func (c *Client) Health(ctx context.Context) (h clock.Health, err error) {
	return h, c.Do(ctx, clock.Command{Name: clock.CheckHealth}, &h)
}

// Do carries out a command, and decodes its answer into out unless that is nil.
func (c *Client) Do(ctx context.Context, cmd clock.Command, out any) error {
	return c.call(ctx, http.MethodPost, "/v1/do", command{cmd.Name, cmd.Args}, &answer{out})
}

// Reboot restarts the firmware, however busy it is.
func (c *Client) Reboot(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/reboot", nil, nil)
}

// Sim does something to the simulated board.
func (c *Client) Sim(ctx context.Context, name string, args []string, out any) error {
	return c.call(ctx, http.MethodPost, "/v1/sim/"+name, SimArgs{args}, &answer{out})
}

// SimArgs is the body of a request to the simulated board.
type SimArgs struct {
	Args []string `json:"args"`
}

// Watch calls f with the status, and with each later one, until ctx is done or
// f fails. A clock that restarts is waited for; one that ends is ErrNotRunning.
func (c *Client) Watch(ctx context.Context, f func(Status) error) error {
	for {
		res, err := c.send(ctx, http.MethodGet, "/v1/watch", nil)
		if err != nil {
			return err
		}
		err = each(res.Body, f)
		_ = res.Body.Close()
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// each calls f for each status of a stream. That the stream breaks is its end.
func each(stream io.Reader, f func(Status) error) error {
	for dec := json.NewDecoder(stream); ; {
		var s Status
		if dec.Decode(&s) != nil {
			return nil
		}
		if err := f(s); err != nil {
			return err
		}
	}
}

// How long a clock may take to answer: what it knows is at hand; a change may
// queue for a card that is slow to write, and a command may ask others.
const (
	answerLimit = 10 * time.Second
	actLimit    = 2 * time.Minute
)

// call sends a request and decodes the answer.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	limit := answerLimit
	if method == http.MethodPatch || path == "/v1/do" {
		limit = actLimit
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the clock does not answer within %s", limit))
	defer cancel()
	err := c.exchange(ctx, method, path, in, out)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}

func (c *Client) exchange(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out)
}

// maxAnswer bounds what is taken from a clock.
const maxAnswer = 16 << 20

// restartLimit is how long a clock that restarts is waited for.
const restartLimit = 10 * time.Second

// maxBroken is how often a question is asked again whose connection ends without an
// answer.
const maxBroken = 3

// send sends a request, again while the clock restarts. One that only asks is sent again
// too if the connection ends before an answer: a clock that has much to do hangs up on
// who does not come to speak, and nobody listens any more where one has ended. An answer
// that is an error is returned as an *Error.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	for begin, broken := time.Now(), 0; ; {
		req, err := http.NewRequestWithContext(ctx, method, "http://wordclockd"+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		res, err := c.http.Do(req)
		switch {
		case err == nil && res.StatusCode == http.StatusOK:
			return res, nil
		case err == nil:
			if e := decodeError(res); e.Code != CodeRestarting || time.Since(begin) > restartLimit {
				return nil, e
			}
		case method != http.MethodGet || !isBroken(err) || broken == maxBroken:
			return nil, c.explain(err)
		default:
			broken++
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// isBroken reports whether a connection ended before there was an answer. That nothing
// of the request was read has no type in net/http.
func isBroken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		strings.HasSuffix(err.Error(), "server closed idle connection")
}

func decodeError(res *http.Response) *Error {
	defer res.Body.Close()
	e := &Error{}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(e); err != nil || e.Code == "" {
		return &Error{Code: CodeFailed, Text: "the clock answered " + res.Status}
	}
	return e
}

// explain says what an error of the connection means.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: nobody listens on %s", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened: be the user that runs the clock, or in its group", c.path)
	case isBroken(err):
		return fmt.Errorf("%w any more: it ended meanwhile", ErrNotRunning)
	}
	return err
}
