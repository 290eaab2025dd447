package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

func newFlashVerify() *cobra.Command {
	var dump string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify all that is in the flash",
		Long: `Verify partition table, otadata and the image in each slot, and that one can be
started. A slot may be empty, or hold part of an image if nothing selects it; an image
may be one that the fuses do not allow any more, since it is too old or nobody signed it;
an entry of otadata may be a half-written one: that is how updates and power cuts leave
them.`,
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy, exitRunning, exitNothingBootable),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := lookFlash(cmd, verb(cmd), dump, func(x *machine.Flash) error { return verifyFlash(cmd, x) })
			_, absent := errors.AsType[*machine.AbsentError](err)
			_, corrupt := errors.AsType[*flash.FormatError](err)
			_, unfit := errors.AsType[*flash.TableError](err)
			_, judged := errors.AsType[codeError](err)
			switch {
			case judged:
				return err
			case absent, errors.Is(err, boot.ErrUnfinished):
				return codeError{exitNothingBootable, err}
			case corrupt, unfit:
				return codeError{exitUnhealthy, err}
			}
			return err
		},
	}
	imageFlag(cmd, &dump)
	return cmd
}

// A flashVerdict is what "flash verify" prints.
type flashVerdict struct {
	OK       bool     `json:"ok"`
	Next     string   `json:"next"` // "" if nothing can be started
	Problems []string `json:"problems"`
	Notes    []string `json:"notes"` // what is not as new, and no problem
}

func verifyFlash(cmd *cobra.Command, x *machine.Flash) error {
	s, err := x.Slots()
	if err != nil {
		if _, damaged := errors.AsType[*flash.FormatError](err); !damaged {
			return err
		}
	}
	v := flashVerdict{Next: s.Next, Problems: []string{}, Notes: []string{}}
	v.look(x)
	v.OK = v.Next != "" && len(v.Problems) == 0
	switch {
	case wantsJSON(cmd):
		err = printJSON(cmd, v)
	case v.OK:
		_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(append(v.Notes, "all that is there verifies; the next start begins with "+v.Next), "\n"))
	default:
		err = nil
	}
	switch text := strings.Join(v.Problems, "; "); {
	case err != nil:
		return err
	case v.Next == "" && text == "":
		return codeError{exitNothingBootable, errors.New("nothing can be started: there is no image")}
	case v.Next == "":
		return codeError{exitNothingBootable, fmt.Errorf("nothing can be started: %s", text)}
	case text != "":
		return codeError{exitUnhealthy, errors.New(text)}
	}
	return nil
}

// look lists what does not verify.
func (f *flashVerdict) look(x *machine.Flash) {
	problem := func(format string, args ...any) { f.Problems = append(f.Problems, fmt.Sprintf(format, args...)) }
	note := func(format string, args ...any) { f.Notes = append(f.Notes, fmt.Sprintf(format, args...)) }
	if err := boot.TableDamage(x.Device); err != nil {
		problem("%v: the usual one stands for it, and is written in its place when the clock runs", err)
	}
	v, err := x.Store.Look()
	if err != nil {
		problem("%v", err)
	}
	for i, e := range v.Entries {
		switch {
		case e == flash.BlankSelect:
		case !e.Sum():
			note("otadata: entry %d: wrong checksum, so it counts for nothing", i)
		case !known(e.State):
			note("otadata: entry %d: state %s is none, so it counts for nothing", i, e.State)
		}
	}
	for _, c := range v.Contents {
		_, old := errors.AsType[*boot.FloorError](c.Err)
		_, foreign := errors.AsType[*flash.ForeignError](c.Err)
		switch {
		case c.Err == nil, errors.Is(c.Err, boot.ErrBlank):
		case f.Next != "" && (old || foreign):
			note("%s: cannot be started: %v", c.Name, c.Err)
		case f.Next != "" && f.Next != c.Name && !selected(v, c.Slot):
			note("%s: cannot be started, and nothing selects it: %v", c.Name, c.Err)
		default:
			problem("%s: %v", c.Name, c.Err)
		}
	}
}

// selected tells whether an entry of otadata that counts is about a slot.
func selected(v boot.View, slot int) bool {
	e := v.Entry(slot)
	return slot < 0 || e != nil && e.Counts()
}

// known tells whether a state is one of the six.
func known(s flash.State) bool { return s.Bootable() || s == flash.Invalid || s == flash.Aborted }
