package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

// An initOptions says what flash is made.
type initOptions struct {
	table, app, size string
	force            bool
}

func newFlashInit() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a flash, with an image in its first slot",
		Long: `Make a flash: erased, but for a partition table and an image in the first slot. It
is what the first start of a clock does by itself, with the intended table and
this program as the image. All that is in a flash that is there already is lost, which
takes --force; fuses, settings and journal stay.`,
		Example:     "  wordclockd flash init --force\n  wordclockd flash init --table partitions.csv --app wordclock.bin --size 16M",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy, exitRunning, exitNothingBootable),
		RunE:        func(cmd *cobra.Command, _ []string) error { return initFlash(cmd, o) },
	}
	cmd.Flags().StringVar(&o.table, "table", "", "partition table: CSV `FILE` as ESP-IDF has it (two slots of 2.5 MiB)")
	cmd.Flags().StringVar(&o.app, "app", "", "image `FILE` for the first slot (this program)")
	cmd.Flags().StringVar(&o.size, "size", "", "`BYTES` of the flash, such as 8M (16M, or what the table needs)")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace the flash that is there")
	return cmd
}

func initFlash(cmd *cobra.Command, o initOptions) error {
	t, size, err := o.shape()
	if err != nil {
		return fmt.Errorf("%s: %w", verb(cmd), err)
	}
	app, err := o.image()
	if err != nil {
		return fmt.Errorf("%s: %w", verb(cmd), err)
	}
	first, err := place(t, app)
	if err != nil {
		return codeError{exitUnhealthy, fmt.Errorf("%s: %w", verb(cmd), err)}
	}
	state := stateOf(cmd)
	err = holding(verb(cmd), state.Create, func(lock *durable.Lock) error {
		if err := o.mayReplace(state, lock, app); err != nil {
			return err
		}
		if err := state.Init(lock, t, size, app.content()); err != nil {
			return err
		}
		return startable(state, lock)
	})
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			Size    int64  `json:"size"`
			Slot    string `json:"slot"`
			Version string `json:"version"`
		}{size, first.Name, flash.Printable(app.Version)})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "a flash of %#x bytes, with %s in %s\n", size, nameOfImage(app.Image), first.Name)
	return err
}

// shape returns the table, and the size of a flash for it.
func (o initOptions) shape() (t flash.Table, size int64, err error) {
	t = flash.Intended()
	if o.table != "" {
		if t, err = readTable(o.table); err != nil {
			return t, 0, err
		}
	}
	size = machine.SizeFor(t)
	if o.size != "" {
		if size, err = parseSize(o.size); err != nil {
			return t, 0, usageError(fmt.Errorf("--size %q: %w", o.size, err))
		}
	}
	if size%flash.SectorSize != 0 || size > maxFlash {
		return t, 0, usageError(fmt.Errorf("a flash of %#x bytes: want whole sectors of %#x, and %#x at most", size, flash.SectorSize, maxFlash))
	}
	if err := t.Check(size); err != nil {
		return t, 0, usageError(err)
	}
	if _, ok := t.Find(flash.TypeData, flash.DataOTA); !ok && len(t.Slots()) > 0 {
		return t, 0, usageError(errors.New("the partition table has slots and no otadata (data, ota), in which it stands which one is started"))
	}
	return t, size, nil
}

// maxFlash is more than any chip has that an ESP32-S3 runs from, in bytes.
const maxFlash = 1 << 30

// readTable reads a table in CSV.
func readTable(name string) (flash.Table, error) {
	text, err := readFile(name, maxSmall)
	if err != nil {
		return flash.Table{}, err
	}
	t, err := flash.ParseTable(text)
	if err != nil {
		return t, usageError(fmt.Errorf("%s: %w", name, err))
	}
	return t, nil
}

// parseSize reads a number of bytes as partition tables have them.
func parseSize(text string) (int64, error) {
	n, err := flash.ParseNumber(text)
	if err != nil || n <= 0 {
		return 0, errors.New("want a number of bytes, such as 0x800000, 8192K or 8M")
	}
	return n, nil
}

// image returns what goes into the first slot.
func (o initOptions) image() (*imageFile, error) {
	if o.app != "" {
		return readImage(o.app)
	}
	raw, err := flash.Build{Desc: self, Time: built()}.Marshal()
	if err != nil {
		return nil, err
	}
	return parseImage("this program", raw)
}

// mayReplace refuses to replace a flash unless that is wanted, and the image is one
// that the fuses let run.
func (o initOptions) mayReplace(state machine.State, lock *durable.Lock, m *imageFile) error {
	x, err := state.Open(lock)
	_, absent := errors.AsType[*machine.AbsentError](err)
	switch {
	case absent || errors.Is(err, boot.ErrUnfinished):
		return nil
	case err != nil && !o.force:
		return fmt.Errorf("%w: --force replaces it", err)
	case err != nil:
		return nil
	}
	defer x.Close()
	if !o.force {
		return errors.New("there is a flash already: --force replaces it, and all that is in it is lost")
	}
	fuses, err := flash.LoadFuses(x.Fuses)
	if err == nil {
		err = boot.Admit(m.Image, fuses)
	}
	if err != nil {
		return codeError{exitUnhealthy, fmt.Errorf("%s: %w", m.name, err)}
	}
	return nil
}

// startable checks that a flash that was made can be started from: fuses can be
// there without a flash.
func startable(state machine.State, lock *durable.Lock) error {
	x, err := state.Open(lock)
	if err != nil {
		return err
	}
	defer x.Close()
	v, err := x.Store.Look()
	if err == nil && len(x.Store.Plan(v).Try) == 0 {
		err = codeError{exitNothingBootable, fmt.Errorf("it is made, but %w", &boot.NothingError{Contents: v.Contents})}
	}
	return err
}

// place returns the partition that an image goes into.
func place(t flash.Table, m *imageFile) (flash.Partition, error) {
	p, err := boot.FirstSlot(t)
	if err == nil && m.End > p.Size {
		err = fmt.Errorf("%s has %d bytes: %s has room for %d", m.name, m.End, p.Name, p.Size)
	}
	return p, err
}
