package ota

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// A release is all that a source has of a version.
type release struct {
	manifest      Manifest
	image, pieces []byte
}

// newRelease returns a release whose image has size random bytes.
func newRelease(seed uint64, size int) release {
	r := release{image: make([]byte, size)}
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(r.image)
	r.image[0], r.image[size-1] = magic, 0
	sha := fmt.Sprintf("%x", sha256.Sum256(r.image))
	r.manifest = Manifest{Version: "2.12.0", BuildDate: "2026-01-02T03:04:05Z", Size: int64(size), SHA256: sha}
	return r
}

// magic is what the images of newRelease begin with.
const magic = 0xE9

// pieced returns r with a pieces file.
func (r release) pieced() release {
	p := must(PiecesOf(bytes.NewReader(r.image), r.manifest.Size, r.manifest.SHA256))
	r.pieces = AppendPieces(nil, p)
	r.manifest.PiecesSHA256 = fmt.Sprintf("%x", sha256.Sum256(r.pieces))
	return r
}

// site returns a source that has r, and is well.
func (r release) site() site {
	return site{handler: func(w http.ResponseWriter, q *http.Request) {
		content, ok := map[string][]byte{
			ManifestName:                        AppendManifest(nil, r.manifest),
			ImageName:                           r.image,
			TargetName(r.manifest.SHA256):       r.image,
			PiecesName(r.manifest.PiecesSHA256): r.pieces,
		}[strings.TrimPrefix(q.URL.Path, "/ota/")]
		if !ok || content == nil {
			http.NotFound(w, q)
			return
		}
		http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(content))
	}}
}

// asksImage tells whether a request is for the image.
func asksImage(q *http.Request) bool { return strings.HasSuffix(q.URL.Path, ".bin") }

// but returns s with another answer to requests for the image.
func (s site) but(f func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc)) site {
	well := s.handler
	s.handler = func(w http.ResponseWriter, q *http.Request) {
		if asksImage(q) {
			f(w, q, well)
		} else {
			well(w, q)
		}
	}
	return s
}

// A body that is written through a cut ends with its end.
type cut struct {
	http.ResponseWriter
	left int
	end  func(http.ResponseWriter)
}

func (c *cut) Write(p []byte) (int, error) {
	n, _ := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		http.NewResponseController(c.ResponseWriter).Flush()
		c.end(c.ResponseWriter)
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// dies returns s, which ends each body by end when it reaches byte at of the
// image.
func (s site) dies(at int, end func(http.ResponseWriter, *http.Request)) site {
	return s.but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
		var off int
		fmt.Sscanf(q.Header.Get("Range"), "bytes=%d-", &off)
		if off >= at {
			well(w, q)
			return
		}
		well(&cut{w, at - off, func(w http.ResponseWriter) { end(w, q) }}, q)
	})
}

// once returns s, which does so for the first request for the image only, and
// then as others does.
func (s site) once(others site) site {
	var n atomic.Int32
	first := s.handler
	return others.but(func(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
		if n.Add(1) == 1 {
			first(w, q)
		} else {
			well(w, q)
		}
	})
}

// hangsUp ends a connection in its middle, as a server does that is stopped.
func hangsUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// stays says nothing more.
func stays(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }

// resets ends a connection as a router does that has lost it.
func resets(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	switch c := c.(*tls.Conn).NetConn().(type) {
	case *conn:
		c.Reset()
	case *net.TCPConn:
		c.SetLinger(0)
		c.Close()
	}
}

// resetsLater lets arrive first what was sent.
func resetsLater(w http.ResponseWriter, q *http.Request) {
	select {
	case <-q.Context().Done():
	case <-time.After(time.Millisecond):
		resets(w, q)
	}
}

// trickles sends the rest at a hundred bytes a second.
func trickles(w http.ResponseWriter, q *http.Request) {
	for {
		select {
		case <-q.Context().Done():
			return
		case <-time.After(time.Second):
		}
		if _, err := w.Write(make([]byte, 100)); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

// flips inverts byte at of the image.
func (r release) flips(at int) site {
	r.image = bytes.Clone(r.image)
	r.image[at] ^= 0xFF
	return r.site()
}

// gzips sends the image as nobody wants it.
func (r release) gzips(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write(r.image)
	z.Close()
}

// grows sends more than the image, with its length or without.
func (r release) grows(announced bool) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		if announced {
			w.Header().Set("Content-Length", fmt.Sprint(len(r.image)+1))
		}
		http.NewResponseController(w).Flush()
		w.Write(append(bytes.Clone(r.image), 0))
	}
}

// whole sends all, whatever was asked for.
func whole(w http.ResponseWriter, q *http.Request, well http.HandlerFunc) {
	q.Header.Del("Range")
	well(w, q)
}

// answers gives requests for the image a status.
func answers(code int) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { http.Error(w, "no image", code) }
}

// stale is a source that announces r and still has an older image.
func (r release) stale() site {
	older := newRelease(99, len(r.image)-1000)
	r.image = older.image
	return noTarget(404)(r)
}

// another is a source that announces r and has another image, which begins alike.
func (r release) another() site {
	r.image = bytes.Clone(r.image)
	copy(r.image[1000:], newRelease(99, len(r.image)-1000).image)
	return r.site()
}

// circles sends requests for the image round and round.
func circles(w http.ResponseWriter, q *http.Request, _ http.HandlerFunc) {
	http.Redirect(w, q, q.URL.Path+"?", http.StatusFound)
}
