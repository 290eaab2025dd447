package firmware

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"wordclockd/internal/clock"
)

// Limits of a list of sounds.
const (
	mostSounds = 200
	mostRead   = 2000 // names that are looked at
	mostLevels = 2
)

// errNoSpeaker refuses to make a sound.
func errNoSpeaker(code string) error {
	return &clock.UnavailableError{Code: code, Text: "there is no loudspeaker"}
}

func (d *device) doTestAudio(context.Context, map[string]string) (any, error) {
	return nil, errNoSpeaker("test_audio_failed")
}

func (d *device) doTestAudioFile(context.Context, map[string]string) (any, error) {
	return nil, errNoSpeaker("test_audio_file_failed")
}

func (d *device) doTestChimes(context.Context, map[string]string) (any, error) {
	return nil, errNoSpeaker("chimes_test_failed")
}

// doListChimes returns the names of the files of the folder of sounds.
func (d *device) doListChimes(context.Context, map[string]string) (any, error) {
	fail := func(text string) (any, error) {
		return nil, &clock.UnavailableError{Code: "chime_files_list_failed", Text: text}
	}
	if d.sounds == "" {
		return fail("no folder of sounds is configured: see chimes.folder")
	}
	names, err := filesIn(d.sounds, "", mostLevels)
	if err != nil {
		return fail(err.Error())
	}
	slices.Sort(names)
	return names[:min(len(names), mostSounds)], nil
}

// filesIn returns the files of a folder, and, with a slash, of those in it.
func filesIn(folder, below string, levels int) ([]string, error) {
	f, err := os.Open(filepath.Join(folder, below))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(mostRead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	names := []string{}
	for _, e := range entries {
		name := path.Join(below, e.Name())
		switch {
		case len(names) >= mostRead:
			return names, nil
		case e.Type().IsRegular():
			names = append(names, name)
		case e.IsDir() && levels > 1:
			more, err := filesIn(folder, name, levels-1)
			if err != nil {
				return nil, err
			}
			names = append(names, more...)
		}
	}
	return names, nil
}
