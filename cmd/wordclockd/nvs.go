package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/durable"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
)

func newNVS() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nvs",
		Short: "Look at stored settings, while the clock is stopped",
		Long: `Look at the settings that are stored, and change them, while the clock does not
run. They are typed values by namespace and key, as an ESP32 keeps them in its
non-volatile storage; "import" and "export" speak the CSV of ESP-IDF's
nvs_partition_gen.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newNVSList(), newNVSGet(), newNVSSet(), newNVSExport(), newNVSImport())
	for _, sub := range cmd.Commands() {
		sub.Annotations = exits(exitOK, exitError, exitUsage, exitRunning)
	}
	return cmd
}

// readNVS runs f over what is stored, and leaves the file as it is. Without a
// file nothing is stored.
func readNVS(state machine.State, f func(*nvs.Tx) error) error {
	store, err := nvs.OpenReadOnly(state.Settings())
	if errors.Is(err, fs.ErrNotExist) {
		return f(nil)
	}
	if err != nil {
		return err
	}
	defer store.Close()
	return store.View(f)
}

// writeNVS runs f over what is stored, in a state directory that is made unless
// it is there, while no clock runs on it.
func writeNVS(cmd *cobra.Command, f func(*nvs.Tx) error) error {
	state := stateOf(cmd)
	return holding(verb(cmd), state.Create, func(*durable.Lock) error {
		store, err := nvs.Open(state.Settings())
		if err != nil {
			return err
		}
		return errors.Join(store.Update(f), store.Close())
	})
}

// stored returns all entries; a nil tx has none.
func stored(tx *nvs.Tx) []nvs.Entry {
	if tx == nil {
		return nil
	}
	return slices.Collect(tx.All())
}

// An nvsRow is an entry as it is listed.
type nvsRow struct {
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
	Type      string `json:"type"`
	Value     string `json:"value"`
	Stored    bool   `json:"stored"`
	Doc       string `json:"doc,omitempty"`
}

func newNVSList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list [NAMESPACE]",
		Short: "List what is stored",
		Long:  "List what is stored. Secrets are not shown; \"get\" and \"export\" do.",
		Args:  takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return offline(cmd, func(state machine.State) error {
				var rows []nvsRow
				err := readNVS(state, func(tx *nvs.Tx) error {
					rows = nvsRows(stored(tx), all)
					return nil
				})
				if err != nil {
					return err
				}
				if len(args) > 0 {
					rows = slices.DeleteFunc(rows, func(r nvsRow) bool { return r.Namespace != args[0] })
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, append([]nvsRow{}, rows...))
				}
				return table(cmd, func(w *tabwriter.Writer) {
					for _, r := range rows {
						mark := ""
						if !r.Stored {
							mark = "default"
						}
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Namespace, r.Key, r.Type, short(r), mark)
					}
				})
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "and the defaults of keys that the clock knows")
	return cmd
}

// short returns a value so that a line can hold it.
func short(r nvsRow) string {
	const most = 40
	if r.Type == nvs.Blob.String() && len(r.Value) > most {
		return fmt.Sprintf("%s… (%d bytes)", r.Value[:most], len(r.Value)/2)
	}
	return r.Value
}

// nvsRows returns entries, and with all the defaults beside them, by namespace
// and key.
func nvsRows(entries []nvs.Entry, all bool) (rows []nvsRow) {
	at := map[[2]string]bool{}
	for _, e := range entries {
		k, _ := nvs.Look(e.Namespace, e.Key)
		value := e.Value.String()
		if k.Secret {
			value = "(secret)"
		}
		rows = append(rows, nvsRow{e.Namespace, e.Key, e.Value.Type.String(), value, true, k.Doc})
		at[[2]string{e.Namespace, e.Key}] = true
	}
	for _, k := range nvs.Schema {
		if all && !at[[2]string{k.Namespace, k.Key}] {
			rows = append(rows, nvsRow{k.Namespace, k.Key, k.Default.Type.String(), k.Default.String(), false, k.Doc})
		}
	}
	slices.SortStableFunc(rows, func(a, b nvsRow) int {
		return slices.Compare([]string{a.Namespace, a.Key}, []string{b.Namespace, b.Key})
	})
	return rows
}

func newNVSGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAMESPACE KEY",
		Short: "Print a value",
		Args:  takes(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return offline(cmd, func(state machine.State) error {
				return readNVS(state, func(tx *nvs.Tx) error {
					var v nvs.Value
					ok := false
					if tx != nil {
						v, ok = tx.Get(args[0], args[1])
					}
					if !ok {
						return notStored(args[0], args[1])
					}
					if wantsJSON(cmd) {
						return printJSON(cmd, nvsRow{args[0], args[1], v.Type.String(), v.String(), true, ""})
					}
					_, err := fmt.Fprintln(cmd.OutOrStdout(), v)
					return err
				})
			})
		},
	}
}

func notStored(namespace, key string) error {
	if k, ok := nvs.Look(namespace, key); ok {
		return fmt.Errorf("%s/%s: nothing is stored, so %q holds", namespace, key, k.Default)
	}
	return fmt.Errorf("%s/%s: nothing is stored; see \"wordclockd nvs list --all\"", namespace, key)
}

func newNVSSet() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "set NAMESPACE KEY VALUE",
		Short: "Store a value",
		Long: `Store a value: integers decimal, blobs hexadecimal. The type is the one that the
clock knows for the key; other keys need --type.`,
		Example: "  wordclockd nvs set ota_manager ota_source 1\n  wordclockd nvs set mine note hello --type string",
		Args:    takes(3, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := nvsValue(args[0], args[1], args[2], kind)
			if err != nil {
				return usageError(fmt.Errorf("nvs set %s/%s: %w", args[0], args[1], err))
			}
			return writeNVS(cmd, func(tx *nvs.Tx) error {
				if err := tx.Set(args[0], args[1], v); err != nil {
					return usageError(err)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&kind, "type", "", "`TYPE`: u8, i8, u16, i16, u32, i32, u64, i64, string or blob")
	return cmd
}

func nvsValue(namespace, key, text, kind string) (nvs.Value, error) {
	k, known := nvs.Look(namespace, key)
	t := k.Default.Type
	if kind != "" {
		var err error
		if t, err = nvs.ParseType(kind); err != nil {
			return nvs.Value{}, err
		}
	} else if !known {
		return nvs.Value{}, errors.New("the clock knows no such key: say its --type, or see \"wordclockd nvs list --all\"")
	}
	v, err := nvs.ParseValue(t, text)
	if err == nil {
		err = nvs.Entry{Namespace: namespace, Key: key, Value: v}.Fits()
	}
	return v, err
}
