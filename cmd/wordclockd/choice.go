package main

import (
	"github.com/spf13/cobra"

	"wordclockd/internal/config"
)

// choices gives cmd the flags --board and --mqtt, with what they are for, and returns
// what reads them: they count more than the rest of the configuration.
func choices(cmd *cobra.Command, board, broker string) func() []config.Flag {
	given := []func() (config.Flag, bool){
		choice(cmd, "board", "board.kind", board+": sim or linux", config.Sim, config.Linux),
		choice(cmd, "mqtt", "mqtt.url", broker+": a URL, embedded, or off", config.Embedded, config.Off),
	}
	return func() (all []config.Flag) {
		for _, f := range given {
			if flag, changed := f(); changed {
				all = append(all, flag)
			}
		}
		return all
	}
}

// choice is a flag that stands for a key of the configuration. The first of its words is
// the default.
func choice(cmd *cobra.Command, name, key, usage string, words ...string) func() (config.Flag, bool) {
	value := cmd.Flags().String(name, words[0], usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // there is one flag of a name
	return func() (config.Flag, bool) {
		return config.Flag{Name: "--" + name, Key: key, Value: *value}, cmd.Flags().Changed(name)
	}
}
