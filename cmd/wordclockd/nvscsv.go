package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"wordclockd/internal/durable"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
)

func newNVSExport() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what is stored as CSV, secrets included",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return offline(cmd, func(state machine.State) error {
				return readNVS(state, func(tx *nvs.Tx) error {
					text, err := nvs.AppendCSV(nil, stored(tx))
					if err != nil {
						return err
					}
					if to != "" {
						return durable.WriteFile(to, text, 0o600)
					}
					_, err = cmd.OutOrStdout().Write(text)
					return err
				})
			})
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "`FILE` to write (standard output)")
	return cmd
}

func newNVSImport() *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Store what a CSV holds",
		Long: `Store what a CSV holds, - being standard input: all of it, or nothing. Keys that
it does not name stay as they are.`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entries, err := readCSV(cmd, args[0])
			if err != nil {
				return err
			}
			err = writeNVS(cmd, func(tx *nvs.Tx) error {
				if replace {
					if err := tx.Clear(); err != nil {
						return err
					}
				}
				for _, e := range entries {
					if err := tx.Set(e.Namespace, e.Key, e.Value); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, map[string]int{"entries": len(entries)})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "stored: %d\n", len(entries))
			return err
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "forget all keys that the file does not name")
	return cmd
}

// readCSV reads entries, whose values may be in further files.
func readCSV(cmd *cobra.Command, name string) ([]nvs.Entry, error) {
	text, err := readAll(cmd, name)
	if err != nil {
		return nil, fmt.Errorf("nvs import: %w", err)
	}
	entries, err := nvs.ParseCSV(text, func(path string) ([]byte, error) { return readAll(nil, path) })
	if err != nil {
		return nil, usageError(fmt.Errorf("nvs import %s: %w", name, err))
	}
	return entries, nil
}

// readAll reads a file up to what a CSV may have; cmd, if not nil, has what - is.
func readAll(cmd *cobra.Command, name string) ([]byte, error) {
	var r io.Reader
	if name == "-" && cmd != nil {
		r = cmd.InOrStdin()
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, nvs.MaxCSV+1))
	if err == nil && len(text) > nvs.MaxCSV {
		err = fmt.Errorf("%s: has more than %d bytes", name, nvs.MaxCSV)
	}
	return text, err
}
