package main

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"wordclockd/internal/durable"
	"wordclockd/internal/flash"
)

func newImageSign() *cobra.Command {
	var key, to string
	cmd := &cobra.Command{
		Use:   "sign --key KEY.pem FILE",
		Short: "Sign an image",
		Long: `Sign an image by an RSA key of 3072 bits, as secure boot of an ESP32-S3 has it. An
image can have up to three signatures, each by another key. The file is replaced,
unless -o names another.`,
		Example:     "  wordclockd image sign --key key.pem wordclock.bin\n  wordclockd image sign --key key.pem wordclock.bin -o signed.bin",
		Args:        takes(1, 1),
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy),
		RunE: func(cmd *cobra.Command, args []string) error {
			if key == "" {
				return usageError(fmt.Errorf("%s: by which key? name its file by --key", verb(cmd)))
			}
			if to == "-" {
				return usageError(fmt.Errorf("%s: where to? -o names a file, and standard output is none", verb(cmd)))
			}
			if err := mayReplace(to, own(stateOf(cmd))...); to != "" && err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			m, err := signFile(args[0], key, to)
			if err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			return printMade(cmd, m)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "sign by the private key in `FILE`, in PEM")
	cmd.Flags().StringVarP(&to, "output", "o", "", "`FILE` to write (the image itself)")
	return cmd
}

func signFile(name, key, to string) (*imageFile, error) {
	text, err := readFile(key, maxSmall)
	if err != nil {
		return nil, err
	}
	k, err := flash.ReadPrivateKey(text)
	if err != nil {
		return nil, usageError(fmt.Errorf("%s: %w", key, err))
	}
	m, err := readImage(name)
	if err != nil {
		return nil, err
	}
	raw, err := flash.SignImage(m.raw, m.Image, k)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	mode := fs.FileMode(0o644)
	if to == "" {
		to = name
		if info, err := os.Stat(name); err == nil {
			mode = info.Mode().Perm()
		}
	}
	if err := durable.WriteFile(to, raw, mode); err != nil {
		return nil, err
	}
	return parseImage(to, raw)
}

func newImageKeygen() *cobra.Command {
	var public string
	cmd := &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a key to sign images with",
		Long: `Make a private key to sign images with: an RSA key of 3072 bits in PEM, that
nobody else may read. What is printed is its digest, by which a clock knows it.
Files that are there are not replaced.`,
		Example:     "  wordclockd image keygen key.pem --public public.pem",
		Args:        takes(1, 1),
		Annotations: exits(exitOK, exitError, exitUsage),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := keygen(args[0], public)
			if err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			digest := flash.DigestKey(&k.PublicKey).String()
			if wantsJSON(cmd) {
				return printJSON(cmd, struct {
					Digest string `json:"digest"`
				}{digest})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), digest)
			return err
		},
	}
	cmd.Flags().StringVar(&public, "public", "", "write the public key to `FILE` too")
	return cmd
}

// keygen makes a key in new files.
func keygen(private, public string) (*rsa.PrivateKey, error) {
	for _, name := range []string{private, public} {
		if _, err := os.Lstat(name); name != "" && err == nil {
			return nil, fmt.Errorf("%s is there already: name another file, or remove it", name)
		}
	}
	k, err := flash.GenerateKey()
	if err != nil {
		return nil, err
	}
	if err := writeNew(private, flash.MarshalPrivateKey(k), 0o600); err != nil || public == "" {
		return k, err
	}
	text, err := flash.MarshalPublicKey(&k.PublicKey)
	if err != nil {
		return nil, err
	}
	return k, writeNew(public, text, 0o644)
}

// writeNew writes a file that is not there yet, durably.
func writeNew(name string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return durable.SyncDir(filepath.Dir(name))
}
