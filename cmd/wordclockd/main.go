// Package main is the wordclockd command: it parses, calls and prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
	cmd.SetArgs(os.Args[1:])
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		report(err)
	}
	os.Exit(exitCode(err))
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
