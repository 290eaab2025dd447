package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"wordclockd/internal/flash"
	"wordclockd/internal/machine"
)

func newImageTrust() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "trust [KEY|IMAGE|DIGEST]",
		Short: "Let only signed images run, by whom; this cannot be undone",
		Long: `Trust a key: from then on the clock starts no image that is not signed by a key
that it trusts, of which there can be three. The key is named by a PEM file, by an
image that it alone has signed, or by its digest. Without an argument the keys
that are trusted are listed.

THIS CANNOT BE UNDONE. It stands for a fuse of the chip, and stays when the flash is
made anew. So a key is refused by which no image is signed that is there now, and has
proved itself; the clock would stay dark. Sign one, put it there, and have the clock
confirm it first.`,
		Example: "  wordclockd image sign --key key.pem next.bin\n  wordclockd flash write ota_1 next.bin --boot\n" +
			"  wordclockd run                        # and elsewhere: wordclockd ota confirm\n  wordclockd image trust key.pem",
		Args:        takes(0, 1),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy, exitRunning),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listTrusted(cmd)
			}
			return trust(cmd, args[0], force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "trust it even if nothing can be started any more")
	return cmd
}

// A trusted is what "image trust" prints.
type trusted struct {
	Keys []string `json:"keys"`
	Next string   `json:"next"` // what the next start begins with; "" if nothing can be started
}

func listTrusted(cmd *cobra.Command) error {
	return lookFlash(cmd, verb(cmd), "", func(x *machine.Flash) error {
		f, err := flash.LoadFuses(x.Fuses)
		if err != nil {
			return err
		}
		keys := []string{}
		for _, k := range f.Keys {
			keys = append(keys, k.String())
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, struct {
				Keys []string `json:"keys"`
			}{keys})
		}
		text := "no key is trusted: any image may run"
		if len(keys) > 0 {
			text = strings.Join(keys, "\n")
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
		return err
	})
}

func trust(cmd *cobra.Command, name string, force bool) error {
	key, err := keyNamed(name)
	if err != nil {
		return fmt.Errorf("%s: %w", verb(cmd), err)
	}
	return changeFlash(cmd, verb(cmd), "", func(x *machine.Flash) error {
		if err := trustIn(x, key, force); err != nil {
			return err
		}
		return printTrusted(cmd, x, key)
	})
}

// trustIn trusts a key if that leaves something that can be started.
func trustIn(x *machine.Flash, key flash.KeyDigest, force bool) error {
	v, err := x.Store.Look()
	if err != nil {
		return err
	}
	f, err := v.Fuses.Trust(key)
	if err != nil {
		return err
	}
	switch plan := x.Store.Plan(v.Under(f)); {
	case force:
	case len(plan.Try) == 0:
		return codeError{exitUnhealthy, fmt.Errorf("key %s: no image that can be started is signed by it, and the clock would stay dark: "+
			"sign one by \"wordclockd image sign\" and put it there by \"wordclockd flash write --boot\" first", key)}
	case plan.Trial && len(plan.Try) == 1:
		return codeError{exitUnhealthy, fmt.Errorf("key %s: the one image that is signed by it has yet to prove itself, and the clock could stay dark: "+
			"start it, and say \"wordclockd ota confirm\" first", key)}
	}
	return x.Store.Trust(key)
}

func printTrusted(cmd *cobra.Command, x *machine.Flash, key flash.KeyDigest) error {
	s, err := x.Slots()
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, trusted{s.Keys, s.Next})
	}
	next := "nothing can be started"
	if s.Next != "" {
		next = "the next start begins with " + s.Next
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is trusted, which cannot be undone; %s\n", key, next)
	return err
}

// keyNamed returns the key that a digest, a PEM file, or an image that it signed
// stands for.
func keyNamed(name string) (flash.KeyDigest, error) {
	if k, err := flash.ParseKeyDigest(name); err == nil {
		return k, nil
	}
	content, err := readFile(name, maxImage)
	if err != nil {
		return flash.KeyDigest{}, err
	}
	const image = 0xE9 // what one begins with; there can be keys in it
	if !bytes.HasPrefix(content, []byte{image}) && bytes.Contains(content[:min(len(content), maxSmall)], []byte("-----BEGIN ")) {
		return readKeyDigest(name)
	}
	m, err := parseImage(name, content)
	if err != nil {
		return flash.KeyDigest{}, err
	}
	if err := m.verify(nil); err != nil {
		return flash.KeyDigest{}, err
	}
	switch keys := m.keys(); len(keys) {
	case 0:
		return flash.KeyDigest{}, codeError{exitUnhealthy, fmt.Errorf("%s: it is not signed", name)}
	case 1:
		return keys[0], nil
	default:
		return flash.KeyDigest{}, usageError(fmt.Errorf("%s: it is signed by several keys: name one of them: %s", name, strings.Join(m.signedBy(), " or ")))
	}
}
