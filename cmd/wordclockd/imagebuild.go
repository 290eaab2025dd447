package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
)

// A buildOptions says what image is built.
type buildOptions struct {
	flash.Desc
	faults   []string
	size, to string
}

func newImageBuild() *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build --version V -o FILE",
		Short: "Make an image",
		Long: `Make an image. On this clock it runs as the clock, with that version; on a real
one it does nothing. It is for trying what happens to an update.

With --fault it goes wrong on a simulated board. A fault begins with the start, or
after a delay, as in crash@5s:
  crash       the firmware breaks
  hang        it gives no sign of life any more
  wedge       and cannot be ended either
  no-mqtt     the broker cannot be reached
  no-rtc      the clock chip does not answer
  no-leds     the LED drivers do not answer
  bad-memory  memory is found bad

Two builds of the same are the same to the byte: the time of an image is
$SOURCE_DATE_EPOCH if that is set.`,
		Example:     "  wordclockd image build --version 2.9.2 -o next.bin\n  wordclockd image build --version 2.9.3 --fault crash@5s --size 1M -o broken.bin",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := mayReplace(o.to, own(stateOf(cmd))...); o.to != "" && err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			m, err := o.build()
			if err != nil {
				return usageError(fmt.Errorf("%s: %w", verb(cmd), err))
			}
			if err := durable.WriteFile(m.name, m.raw, 0o644); err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			return printMade(cmd, m)
		},
	}
	cmd.Flags().StringVar(&o.Version, "version", "", "`VERSION` that the image calls itself by")
	cmd.Flags().StringVar(&o.Project, "project", self.Project, "`PROJECT` that it belongs to")
	cmd.Flags().Uint32Var(&o.SecureVersion, "secure-version", 0, "secure version `N`: once one was confirmed, no image with a lower one is started")
	cmd.Flags().StringArrayVar(&o.faults, "fault", nil, "let it go wrong by `FAULT`; can be repeated")
	cmd.Flags().StringVar(&o.size, "size", "", "at least `BYTES`, such as 1M")
	cmd.Flags().StringVarP(&o.to, "output", "o", "", "`FILE` to write")
	return cmd
}

func (o buildOptions) build() (*imageFile, error) {
	switch {
	case o.Version == "":
		return nil, errors.New("which version? name it by --version")
	case o.to == "" || o.to == "-":
		return nil, errors.New("where to? name a file by -o")
	}
	b := flash.Build{Desc: o.Desc}
	var err error
	if o.size != "" {
		if b.Size, err = parseSize(o.size); err != nil {
			return nil, fmt.Errorf("--size %q: %w", o.size, err)
		}
		if b.Size > maxImage {
			return nil, fmt.Errorf("--size %q: want %d bytes at most", o.size, maxImage)
		}
	}
	if b.Time, err = buildTime(); err != nil {
		return nil, err
	}
	if len(o.faults) > 0 {
		b.Profile = &flash.Profile{}
	}
	for _, text := range o.faults {
		f, err := flash.ParseFault(text)
		if err != nil {
			return nil, err
		}
		b.Profile.Faults = append(b.Profile.Faults, f)
	}
	raw, err := b.Marshal()
	if err != nil {
		return nil, err
	}
	return parseImage(o.to, raw)
}

// buildTime is now, or what reproducible builds agreed on.
func buildTime() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Now().UTC(), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%q: want seconds since 1970", text)
	}
	return time.Unix(n, 0).UTC(), nil
}

// printMade says which file was written.
func printMade(cmd *cobra.Command, m *imageFile) error {
	if wantsJSON(cmd) {
		return printImage(cmd, m)
	}
	signed := ""
	if n := len(m.keys()); n > 0 {
		signed = fmt.Sprintf(", signed by %s", m.keys()[n-1])
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d bytes%s\n", m.name, nameOfImage(m.Image), len(m.raw), signed)
	return err
}
