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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal kills
	cmd := newRoot()
	cmd.SetArgs(os.Args[1:])
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wordclockd:", err)
		if p, ok := errors.AsType[*task.Panic](err); ok {
			fmt.Fprintf(os.Stderr, "\n%s", p.Stack)
		}
	}
	os.Exit(exitCode(err))
}
