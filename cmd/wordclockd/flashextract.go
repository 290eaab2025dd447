package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

func newFlashExtract() *cobra.Command {
	var to, dump string
	var raw bool
	cmd := &cobra.Command{
		Use:   "extract PARTITION -o FILE",
		Short: "Write what is in a partition to a file",
		Long: `Write what is in a partition to a file, - being standard output. Of a slot that is
the image with its signature, byte for byte as it was put there; of another
partition, and of a slot with --raw, all of it.`,
		Example:     "  wordclockd flash extract ota_0 -o wordclock.bin\n  wordclockd flash extract nvs -o nvs.bin --image dump.bin",
		Args:        takes(1, 1),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy, exitRunning),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := verb(cmd) + " " + args[0]
			switch {
			case to == "":
				return usageError(fmt.Errorf("%s: where to? name a file by -o, or - for standard output", what))
			case to == "-" && wantsJSON(cmd):
				return usageError(fmt.Errorf("%s: standard output cannot take both the content and JSON: name a file by -o", what))
			}
			if err := mayReplace(to, append(own(stateOf(cmd)), dump)...); to != "-" && err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			return lookFlash(cmd, what, dump, func(x *machine.Flash) error {
				p, err := namedIn(x.Table, args[0])
				if err != nil {
					return err
				}
				return extract(cmd, flash.Region(x.Device, p.Off, p.Size), p, raw, to)
			})
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "`FILE` to write")
	cmd.Flags().BoolVar(&raw, "raw", false, "all of a slot, whatever is in it")
	imageFlag(cmd, &dump)
	return cmd
}

func extract(cmd *cobra.Command, d flash.Device, p flash.Partition, raw bool, to string) error {
	size := p.Size
	if p.Type == flash.TypeApp && !raw {
		m, err := flash.ReadSlot(d, p.Size)
		if err != nil {
			return codeError{exitUnhealthy, fmt.Errorf("%w: --raw takes it as it is", err)}
		}
		size = m.End
	}
	content := io.NewSectionReader(d, 0, size)
	if to == "-" {
		_, err := io.Copy(cmd.OutOrStdout(), content)
		return err
	}
	sum := sha256.New()
	if err := durable.ReplaceFile(to, io.TeeReader(content, sum), 0o600); err != nil { // there can be secrets in it
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			Partition string `json:"partition"`
			File      string `json:"file"`
			Size      int64  `json:"size"`
			SHA256    string `json:"sha256"`
		}{p.Name, to, size, hex.EncodeToString(sum.Sum(nil))})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes\n", to, size)
	return err
}
