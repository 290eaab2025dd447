package release

import (
	"errors"
	"fmt"
	"io/fs"

	"wordclockd/internal/ota"
)

// Misses says of each fault at a byte that the file of its part does not have that it
// does not happen.
func (f *Folder) Misses(faults []Fault) (texts []string, err error) {
	for _, x := range faults {
		if !x.Kind.placed() {
			continue
		}
		name, size, err := f.sizeOf(x.On)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if at := x.At.of(size); name != "" && at >= size {
			texts = append(texts, fmt.Sprintf("fault %s does not happen: %s has %d bytes, and none at %d", x, name, size, at))
		}
	}
	return texts, nil
}

// sizeOf returns the file that stands for a part, and how long it is; "" is none.
func (f *Folder) sizeOf(p Part) (name string, size int64, err error) {
	switch p {
	case NoPart, Image:
		name = ota.ImageName
	case Manifest:
		name = ota.ManifestName
	case Pieces:
		m, err := f.manifest()
		if err != nil || m.PiecesSHA256 == "" {
			return "", 0, nil // there are none, and the manifest is judged elsewhere
		}
		name = ota.PiecesName(m.PiecesSHA256)
	default:
		return "", 0, nil
	}
	x, err := f.open(name)
	if err != nil {
		return "", 0, err
	}
	return name, x.size, x.close()
}
