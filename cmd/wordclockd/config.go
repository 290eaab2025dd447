package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"wordclockd/internal/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the configuration",
		Long: `Check and show what the clock is told before it runs.

Defaults are overridden by the file, that by variables WORDCLOCKD_…, and those by
flags. Secrets are in files of their own and are never printed.`,
		Args:                       cobra.ArbitraryArgs,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noVerb(cmd, args[0])
		},
	}
	cmd.AddCommand(newConfigCheck(), newConfigShow(), newConfigSchema())
	return cmd
}

func newConfigCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look for mistakes in the configuration",
		Long: `Read file and environment as "wordclockd run" does, and open the files and folders
that they name. All mistakes are reported, each with its place.

A secret that everybody on this machine can read is only warned of.`,
		Example: "  wordclockd config check --config ./config.yaml",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, warnings, err := checkConfig(cmd)
			if wantsJSON(cmd) {
				out := configJSON{err == nil, file, newFaultsJSON(err), newFaultsJSON(errors.Join(warnings...))}
				return errors.Join(err, json.NewEncoder(cmd.OutOrStdout()).Encode(out))
			}
			for _, w := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "wordclockd: warning:", w)
			}
			if err != nil {
				return err
			}
			if file == "" {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "no file, defaults")
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", file)
			}
			return err
		},
	}
}

// checkConfig returns the file that is read, and what is wrong in it.
func checkConfig(cmd *cobra.Command) (file string, warnings []error, err error) {
	l, err := loadConfig(cmd)
	if err != nil {
		file, _ = configFile(cmd)
		return file, nil, err
	}
	warnings, err = l.Check()
	if err != nil {
		err = usageError(fmt.Errorf("check configuration: %w", err))
	}
	return l.File, warnings, err
}

func newConfigShow() *cobra.Command {
	var origin bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the configuration that counts",
		Long: `Print the whole configuration as it is in effect, as a file that would give the
same one.`,
		Example: "  wordclockd config show --origin",
		Args:    takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(l.Values())
			}
			_, err = io.WriteString(cmd.OutOrStdout(), l.YAML(origin))
			return err
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say behind each value where it comes from")
	return cmd
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file",
		Long:  "Print the JSON Schema (draft 2020-12) of the configuration file, for editors.",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(config.Schema())
		},
	}
}

// loadConfig returns the configuration of the file that --config names or that
// is in its usual place, of the environment, and of flags.
func loadConfig(cmd *cobra.Command, flags ...config.Flag) (*config.Loaded, error) {
	in := config.Input{Environ: os.Environ(), Flags: flags}
	in.File, in.Optional = configFile(cmd)
	l, err := config.Load(in)
	if err != nil {
		return nil, usageError(fmt.Errorf("read configuration: %w", err))
	}
	return l, nil
}

// configFile returns the file to read, and whether it may be absent.
func configFile(cmd *cobra.Command) (name string, optional bool) {
	if f := cmd.Flags().Lookup("config"); f != nil && f.Value.String() != "" {
		return f.Value.String(), false
	}
	return config.DefaultFile(os.Getenv, os.Getuid()), true
}

// configJSON is what scripts read of config check.
type configJSON struct {
	OK       bool        `json:"ok"`
	File     string      `json:"file"` // empty if there is none
	Errors   []faultJSON `json:"errors,omitempty"`
	Warnings []faultJSON `json:"warnings,omitempty"`
}

type faultJSON struct {
	Origin string `json:"origin,omitempty"` // as config show --origin says it
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Key    string `json:"key,omitempty"`
	Error  string `json:"error"`
}

// newFaultsJSON takes apart what Load and Check join.
func newFaultsJSON(err error) (all []faultJSON) {
	if e, ok := err.(*config.Error); ok {
		return []faultJSON{{e.Origin.String(), e.Line, e.Column, e.Key, e.Err.Error()}}
	}
	var joined interface{ Unwrap() []error }
	switch {
	case errors.As(err, &joined):
		for _, one := range joined.Unwrap() {
			all = append(all, newFaultsJSON(one)...)
		}
	case err != nil:
		all = append(all, faultJSON{Error: err.Error()})
	}
	return all
}
