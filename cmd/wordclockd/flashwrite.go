package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

// A writeOptions says how a partition is written.
type writeOptions struct {
	boot, force bool
	dump        string // file to write to instead of the clock's own flash
}

func newFlashWrite() *cobra.Command {
	var o writeOptions
	cmd := &cobra.Command{
		Use:   "write PARTITION FILE",
		Short: "Write a file into a partition",
		Long: `Write a file into a partition, durably, and read it back. An image changes what the
clock calls itself, and if it was made to, what goes wrong; the program that runs stays
the one that is installed.

What goes into a slot has to be an image that the clock may start. With --boot it is
tried at the next start, and the present one is kept to fall back to; without, it
waits in its slot. A slot is not written while it is the only one that can be
started, or what another one on trial falls back to.

--force writes to any slot, and does not ask whether the file is an image.`,
		Example:     "  wordclockd flash write ota_1 wordclock.bin --boot",
		Args:        takes(2, 2),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy, exitRunning),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeFlash(cmd, verb(cmd)+" "+args[0], o.dump, func(x *machine.Flash) error {
				return writePartition(cmd, x, args[0], args[1], o)
			})
		},
	}
	imageFlag(cmd, &o.dump)
	cmd.Flags().BoolVar(&o.boot, "boot", false, "try what is written at the next start")
	cmd.Flags().BoolVar(&o.force, "force", false, "even if it is no image that may be started, or nothing else can be")
	return cmd
}

func writePartition(cmd *cobra.Command, x *machine.Flash, name, file string, o writeOptions) error {
	p, err := namedIn(x.Table, name)
	switch {
	case err != nil:
		return err
	case p.Type == flash.TypeTable:
		return usageError(errors.New("the partition table is made by \"wordclockd flash init --table\""))
	case p.Type == flash.TypeApp:
		return writeSlot(cmd, x, p, file, o)
	case o.boot:
		return usageError(errors.New("--boot is for slots"))
	case p.Size%flash.SectorSize != 0:
		return usageError(fmt.Errorf("it has %#x bytes, and only whole sectors of %#x can be erased", p.Size, flash.SectorSize))
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := fileSize(f, p)
	if err != nil {
		return err
	}
	if p.Type == flash.TypeData && p.Subtype == flash.DataOTA && !o.force {
		if err := isOTAData(f, size); err != nil {
			return codeError{exitUnhealthy, fmt.Errorf("%s: %w: --force writes it all the same", file, err)}
		}
	}
	if err := boot.Fill(flash.Region(x.Device, p.Off, p.Size), f, size); err != nil {
		return err
	}
	return printWritten(cmd, x, p, size)
}

// isOTAData checks that a file has two entries of otadata that are blank or whole: by
// anything else it would be forgotten which slot is to be started.
func isOTAData(r io.ReaderAt, size int64) error {
	if size != 2*flash.SectorSize {
		return fmt.Errorf("it has %d bytes: otadata has two sectors of %d", size, flash.SectorSize)
	}
	for i := range int64(2) {
		var p [flash.SelectSize]byte
		if _, err := r.ReadAt(p[:], i*flash.SectorSize); err != nil {
			return err
		}
		if e := flash.ReadSelect(p); e != flash.BlankSelect && !e.Sound() {
			return fmt.Errorf("offset %#x: it is no entry of otadata", i*flash.SectorSize)
		}
	}
	return nil
}

// fileSize returns the size of a file, if that fits into a partition.
func fileSize(f *os.File, p flash.Partition) (int64, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s: want a regular file", f.Name())
	case info.Size() > p.Size:
		return 0, codeError{exitUnhealthy, fmt.Errorf("%s has %d bytes: there is room for %d", f.Name(), info.Size(), p.Size)}
	}
	return info.Size(), nil
}

// writeSlot writes an image into a slot. It touches nothing before all that can
// speak against that was asked.
func writeSlot(cmd *cobra.Command, x *machine.Flash, p flash.Partition, file string, o writeOptions) error {
	v, err := x.Store.Look()
	if err != nil {
		return err
	}
	content, err := fitting(v, p, file, o)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(v.Contents, func(c boot.Content) bool { return c.Off == p.Off })
	if at < 0 {
		return usageError(errors.New("the clock starts nothing from there"))
	}
	slot := v.Contents[at].Slot
	if o.boot && slot < 0 {
		return usageError(errors.New("--boot is for ota_0 and those that follow: otadata can select no other"))
	}
	running, selected, err := keep(v, x.Store.Plan(v), slot, o.force)
	if err != nil {
		return err
	}
	if slot < 0 {
		err = boot.Fill(flash.Region(x.Device, p.Off, p.Size), bytes.NewReader(content), int64(len(content)))
	} else {
		err = x.Store.Install(slot, running, bytes.NewReader(content), int64(len(content)))
	}
	if err != nil {
		return err
	}
	if slot >= 0 && (o.boot || selected) {
		if err := x.Store.Stage(slot, running); err != nil && (o.boot || !o.force) {
			return codeError{exitUnhealthy, fmt.Errorf("it is written, but will not be started: %w", err)}
		}
	}
	return printWritten(cmd, x, p, int64(len(content)))
}

// fitting returns the image in a file, if it may be started from a partition.
func fitting(v boot.View, p flash.Partition, file string, o writeOptions) ([]byte, error) {
	raw, err := readFile(file, maxImage)
	if err != nil {
		return nil, err
	}
	content := raw
	m, err := parseImage(file, raw)
	if err == nil && m.Project != self.Project {
		err = codeError{exitUnhealthy, fmt.Errorf("%s: it is an image of project %q, and the clock's is %q: --force writes it all the same", file, flash.Printable(m.Project), self.Project)}
	}
	if m != nil {
		content = m.content()
	}
	if err == nil {
		if err = boot.Admit(m.Image, v.Fuses); err != nil {
			err = codeError{exitUnhealthy, fmt.Errorf("%s: %w", file, err)}
		}
	}
	switch {
	case err != nil && !o.force:
		return nil, err
	case int64(len(content)) > p.Size:
		return nil, codeError{exitUnhealthy, fmt.Errorf("%s has %d bytes: there is room for %d", file, len(content), p.Size)}
	}
	return content, nil
}

// keep returns the slot that has to stay as it is while another one is written, so
// that something can be started all the time; and whether the next start would
// have begun with the one that is written.
func keep(v boot.View, p boot.Plan, slot int, force bool) (running int, selected bool, err error) {
	if len(p.Try) == 0 {
		return boot.NoSlot, false, nil
	}
	running, selected = p.Try[0], p.Try[0] == slot
	fallback := slices.IndexFunc(p.Try[1:], func(n int) bool { return n != slot && v.GivenUp(n) == boot.None })
	switch {
	case selected && fallback >= 0:
		return p.Try[1+fallback], true, nil
	case selected && !force:
		return 0, false, errors.New("the next start begins with it, and nothing else that is good can be started: " +
			"write another slot with --boot, or say --force")
	case selected:
		return boot.NoSlot, false, nil // it is the one that is found
	case p.Trial && fallback < 0 && slices.Contains(p.Try, slot) && !force:
		return 0, false, errors.New("an image is on trial, and this is what it falls back to: " +
			"start the clock and say \"wordclockd ota confirm\" or \"wordclockd ota rollback\" first, or say --force")
	}
	return running, false, nil
}

func printWritten(cmd *cobra.Command, x *machine.Flash, p flash.Partition, size int64) error {
	s, err := x.Slots()
	if err != nil {
		return err
	}
	content := fmt.Sprintf("%d bytes", size)
	for _, c := range s.Slots {
		if c.Name == p.Name {
			content = slotLine(c, s)
		}
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			Partition string `json:"partition"`
			Size      int64  `json:"size"`
			Next      string `json:"next"`
			Trial     bool   `json:"trial"`
		}{p.Name, size, s.Next, s.Trial})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", p.Name, content)
	return err
}
