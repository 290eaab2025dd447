package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"wordclockd/internal/ota"
)

// An Offer is what a folder offers to a clock.
type Offer struct {
	Version, SHA256 string   // of the manifest; "" if that is none
	Warnings        []string // what a clock will not like
}

// Offer looks at a release as a clock will. It warns of one that was broken, perhaps
// on purpose; of a folder in which there is none, or none can be read, it returns an
// error.
func (f *Folder) Offer() (Offer, error) {
	m, err := f.manifest()
	hash, noImage := f.hash()
	_, nonsense := errors.AsType[*ota.Error](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Offer{}, f.nothing(noImage)
	case err != nil && !nonsense && noImage != nil:
		return Offer{}, unreadable(err, noImage)
	}
	o := Offer{Version: m.Version, SHA256: m.SHA256}
	if err != nil {
		o.Warnings = append(o.Warnings, err.Error())
	}
	switch {
	case noImage != nil && !f.has(ota.TargetName(m.SHA256)):
		o.Warnings = append(o.Warnings, "there is no image: "+noImage.Error())
	case err == nil && noImage == nil && hash != m.SHA256:
		o.Warnings = append(o.Warnings, fmt.Sprintf("version.json is of another image: its sha256 is %.8s…, that of wordclock.bin %.8s…", m.SHA256, hash))
	}
	return o, nil
}

// unreadable is why neither manifest nor image can be read; both may have one reason.
func unreadable(manifest, image error) error {
	if manifest.Error() == image.Error() {
		return image
	}
	return fmt.Errorf("%w; %w", manifest, image)
}

// has tells whether a file can be read.
func (f *Folder) has(name string) bool {
	opened, err := f.open(name)
	if err != nil {
		return false
	}
	opened.close()
	return true
}

// nothing returns why no manifest can be had.
func (f *Folder) nothing(noImage error) error {
	const remedy = `put one there by "wordclockd image build -o DIR/wordclock.bin"`
	if noImage != nil {
		return fmt.Errorf("it holds no release: %w: %s", noImage, remedy)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Errorf("wordclock.bin is no image to make a version.json of: %w: %s", f.last.unfit, remedy)
}

// manifest returns what the folder's manifest says, there or derived.
func (f *Folder) manifest() (ota.Manifest, error) {
	opened, err := f.open(ota.ManifestName)
	if err != nil {
		return ota.Manifest{}, err
	}
	defer opened.close()
	p, err := io.ReadAll(io.NewSectionReader(opened, 0, min(opened.size, ota.MaxManifest)))
	if err != nil {
		return ota.Manifest{}, err
	}
	return ota.ParseManifest(p)
}
