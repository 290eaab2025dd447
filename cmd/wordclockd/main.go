// Package main is the wordclockd command: it parses, calls and prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

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
	cmd.SetArgs(withNegatives(os.Args[1:]))
	err := cmd.ExecuteContext(ctx)
	if err != nil && exitCode(err) != exitInterrupted { // who interrupts knows
		report(err)
	}
	os.Exit(exitCode(err))
}

// withNegatives lets arguments such as -1h or -50 be none of flags: it moves them
// to the end, behind --.
func withNegatives(args []string) []string {
	var plain, negative []string
	for i, arg := range args {
		if arg == "--" {
			return slices.Concat(plain, negative, args[i:])
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
