package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"wordclockd/internal/flash"
)

func newImageVerify() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify an image, and who signed it",
		Long: `Verify that an image is whole, and made for the chip of the clock; and if it is
signed, that each signature is right for its own key. With --key it has to be
signed by one of those keys.`,
		Example:     "  wordclockd image verify wordclock.bin\n  wordclockd image verify wordclock.bin --key public.pem",
		Args:        takes(1, 1),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy),
		RunE: func(cmd *cobra.Command, args []string) error {
			trusted, err := readKeys(keys)
			if err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			m, err := readImage(args[0])
			if err == nil {
				err = m.verify(trusted)
			}
			if err != nil {
				return errors.Join(printRefused(cmd, err), fmt.Errorf("%s: %w", verb(cmd), err))
			}
			return printVerified(cmd, m)
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "want a signature by `KEY`: a PEM file, private or public, or a digest; can be repeated")
	return cmd
}

// verify verifies signatures: of those that are there each, or one by a key that
// is trusted.
func (m *imageFile) verify(trusted []flash.KeyDigest) error {
	switch {
	case m.Signature == nil && len(trusted) > 0:
		return codeError{exitUnhealthy, fmt.Errorf("%s: it is not signed", m.name)}
	case m.Signature == nil:
		return nil
	}
	for i := range m.Signature.Blocks {
		if err := m.Signature.Blocks[i].Verify(m.Signed); err != nil {
			return codeError{exitUnhealthy, fmt.Errorf("%s: %w", m.name, err)}
		}
	}
	if len(trusted) == 0 {
		return nil
	}
	if err := m.Signature.Trusted(m.Signed, trusted); err != nil {
		return codeError{exitUnhealthy, fmt.Errorf("%s: %w", m.name, err)}
	}
	return nil
}

// printRefused prints for scripts why an image does not verify.
func printRefused(cmd *cobra.Command, err error) error {
	if !wantsJSON(cmd) {
		return nil
	}
	return printJSON(cmd, struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}{false, err.Error()})
}

func printVerified(cmd *cobra.Command, m *imageFile) error {
	by := m.signedBy()
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			OK       bool     `json:"ok"`
			Version  string   `json:"version"`
			SignedBy []string `json:"signed_by"`
		}{true, flash.Printable(m.Version), by})
	}
	text := "unsigned"
	if len(by) > 0 {
		text = "signed by " + strings.Join(by, " and ")
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %s, %s\n", m.name, nameOfImage(m.Image), text)
	return err
}

// readKeys returns the digests of keys, which are files or digests.
func readKeys(names []string) (keys []flash.KeyDigest, err error) {
	for _, name := range names {
		k, err := readKeyDigest(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// readKeyDigest returns the digest of the key in a PEM file, or which the name is.
func readKeyDigest(name string) (flash.KeyDigest, error) {
	if k, err := flash.ParseKeyDigest(name); err == nil {
		return k, nil
	}
	text, err := readFile(name, maxSmall)
	if err != nil {
		return flash.KeyDigest{}, err
	}
	k, err := flash.ReadPublicKey(text)
	if err != nil {
		return flash.KeyDigest{}, usageError(fmt.Errorf("%s: %w", name, err))
	}
	return flash.DigestKey(k), nil
}
