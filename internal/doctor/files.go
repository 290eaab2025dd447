package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"wordclockd/internal/config"
	"wordclockd/internal/flash"
	"wordclockd/internal/ota"
)

// manifest asks for version.json, as a check does.
func (x *source) manifest(ctx context.Context, c config.OTA) {
	ctx, cancel := within(ctx, step)
	defer cancel()
	begin := time.Now()
	m, status, err := ota.FetchManifest(ctx, noted{x.http, x}, c.AllowUnhashed)
	x.answer.Manifest, x.answer.Status, x.answer.Took = m, status, time.Since(begin)
	if err != nil {
		x.answer.Err = fault(err)
		x.refused("manifest", ota.ManifestName, err)
		return
	}
	x.add(OK, "manifest", "", "version %s of %s, image of %d bytes, sha256 %s, answered in %d ms",
		m.Version, m.BuildDate, m.Size, cmp.Or(m.SHA256[:min(8, len(m.SHA256))], "not given"), x.answer.Took.Milliseconds())
}

// noted is a source that notes where it was redirected to.
type noted struct {
	*ota.HTTP
	x *source
}

// Open implements ota.Source.
func (n noted) Open(ctx context.Context, name string, off int64) (*ota.Body, error) {
	b, err := n.HTTP.Open(ctx, name, off)
	if err == nil {
		if u, e := n.URL(name); e == nil && shown(u) != b.URL {
			n.x.add(Note, name, "", "was redirected from %s to %s", shown(u), b.URL)
		}
	}
	return b, err
}

// binary asks for the image, and reads its head.
func (x *source) binary(ctx context.Context) {
	ctx, cancel := within(ctx, step)
	defer cancel()
	p := make([]byte, flash.HeadSize)
	b, err := noted{x.http, x}.Open(ctx, ota.ImageName, 0)
	if err == nil {
		defer b.Close()
		if _, err = io.ReadFull(b, p); errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // nothing at all is too little as well
		}
	}
	if err != nil {
		x.image = fault(err)
		x.refused("image", ota.ImageName, err)
		return
	}
	h, err := flash.ReadHead(p)
	if err != nil {
		x.image = &ota.Error{Cause: ota.ImageInvalid, Source: x.topic, Err: err}
		x.add(Fault, "image", "publish the image anew", "what lies at %s is no image for this clock: %v", x.url(ota.ImageName), err)
		return
	}
	x.head(h, b.Size)
	x.ranges(ctx, b.Size)
}

// head compares an image with what the manifest says of it.
func (x *source) head(h flash.Head, size int64) {
	level, remedy, text := OK, "", fmt.Sprintf("project %s, version %s, built %s %s, %d bytes", h.Project, h.Version, h.Date, h.Time, size)
	if m := x.answer.Manifest; x.answer.Err == nil {
		switch order := ota.Compare(h.Version, m.Version); {
		case size >= 0 && size != m.Size:
			level, remedy = Fault, "publish manifest and image together; until then this source cannot serve the update"
			text += fmt.Sprintf("; but the manifest says %d bytes: the two are of different releases", m.Size)
		case m.Project != "" && m.Project != h.Project:
			level, remedy = Fault, "publish the image of the right project"
			text += fmt.Sprintf("; but the manifest says project %s", m.Project)
		case order < 0:
			level, remedy = Warning, "build the image from a clean checkout of the tag, and publish it anew"
			text += fmt.Sprintf("; but the manifest says %s: once installed it would be offered again and again", m.Version)
		case order > 0:
			level, remedy = Warning, "publish the manifest of this image"
			text += fmt.Sprintf("; but the manifest says %s, which is older", m.Version)
		}
	}
	x.add(level, "image", remedy, "%s", text)
}

// ranges finds out whether a broken download could go on where it ended.
func (x *source) ranges(ctx context.Context, size int64) {
	if size <= flash.HeadSize {
		return
	}
	b, err := x.http.Open(ctx, ota.ImageName, flash.HeadSize)
	if err == nil {
		b.Close()
	}
	if err == nil && b.Skip > 0 || err != nil && ota.CauseOf(err) == ota.RangeBroken {
		x.add(Warning, "image", "use a server that knows Range requests",
			"the server sends all or nothing: a download that breaks off starts over")
	}
}

// refused says why a file could not be had.
func (x *source) refused(subject, name string, err error) {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = fmt.Errorf("ends within the first %d bytes: %w", flash.HeadSize, err)
	}
	e := fault(err)
	x.add(Fault, subject, x.remedy(e, name), "%s: %s", e.Cause, e.Detail())
}

// remedy returns what helps against a cause.
func (x *source) remedy(e *ota.Error, name string) string {
	url := x.url(name)
	switch e.Cause {
	case ota.HTTPStatus:
		switch {
		case e.Status == http.StatusNotFound:
			return "curl -I " + url + "; check path, branch and bucket, that the repository is public, and that the file was published"
		case e.Status == http.StatusTooManyRequests:
			return "too many requests came from this network; wait an hour"
		case e.Status >= 500:
			return "trouble of the source itself; wait, the other one serves meanwhile"
		}
		return "curl -I " + url + "; check that the file is public, and that nobody in between asks for a login"
	case ota.ManifestInvalid, ota.ManifestTooLarge, ota.MissingHash, ota.Truncated:
		return "publish " + name + " anew; look at it with curl " + url
	case ota.RedirectLoop, ota.RedirectInsecure:
		return "enter the address where it ends below ota.sources." + x.topic + "; curl -IL " + url
	case ota.Timeout, ota.Stalled:
		return "the server or the way to it is slow or dead; try curl -v " + url
	}
	return "curl -v " + url
}

func (x *source) url(name string) string {
	u, err := x.http.URL(name)
	if err != nil {
		return name
	}
	return shown(u)
}

// fault returns err as an error that has a cause.
func fault(err error) *ota.Error {
	if e, ok := errors.AsType[*ota.Error](err); ok {
		return e
	}
	c := ota.CauseOf(err)
	return &ota.Error{Cause: c, Kind: c.Kind(), Err: err}
}

// detail returns the message of an error without source and cause.
func detail(err error) string { return fault(err).Detail() }
