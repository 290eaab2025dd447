// Package main is the wordclockd command: it parses, calls and prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wordclockd/internal/task"
)

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	// A second Ctrl-C kills. The others come in numbers, as when a terminal is
	// closed, and once is enough.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	cmd := newRoot()
	cmd.SetArgs(withNegatives(os.Args[1:], valued(cmd)))
	err := cmd.ExecuteContext(ctx)
	if err != nil && exitCode(err) != exitInterrupted { // who interrupts knows
		report(err)
	}
	os.Exit(exitCode(err))
}

// valued returns the flags of all verbs that are followed by their value.
func valued(cmd *cobra.Command) map[string]bool {
	names := map[string]bool{}
	add := func(f *pflag.Flag) {
		if f.NoOptDefVal == "" {
			names["--"+f.Name], names["-"+f.Shorthand] = true, f.Shorthand != ""
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		maps.Copy(names, valued(sub))
	}
	return names
}

// withNegatives lets arguments such as -1h or -50 be none of flags, unless they are
// the value of one: it moves them to the end, behind --.
func withNegatives(args []string, valued map[string]bool) []string {
	var plain, negative []string
	for i, arg := range args {
		if arg == "--" {
			return slices.Concat(plain, negative, args[i:])
		}
		if i > 0 && valued[args[i-1]] {
			plain = append(plain, arg)
			continue
		}
		if len(arg) > 1 && arg[0] == '-' && (arg[1] >= '0' && arg[1] <= '9' || arg[1] == '.') {
			negative = append(negative, arg)
		} else {
			plain = append(plain, arg)
		}
	}
	if negative == nil {
		return args
	}
	return slices.Concat(plain, []string{"--"}, negative)
}

// report prints an error, and the stack of a panic. Like all that a clock says
// it must not wait for a reader.
func report(err error) {
	c := openConsole(os.Stderr)
	defer c.close()
	fmt.Fprintln(c, "wordclockd:", err)
	if p, ok := errors.AsType[*task.Panic](err); ok {
		fmt.Fprintf(c, "\n%s", p.Stack)
	}
}
