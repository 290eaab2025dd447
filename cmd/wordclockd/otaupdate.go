package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/ota"
)

// linuxNote is what an update does not do there.
const linuxNote = "on a Linux board an update changes the image that the boot loader runs, today only its descriptor: the program stays the one that you installed"

func newOTAUpdate() *cobra.Command {
	var o updateOptions
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Install newer firmware",
		Long: `Have the running clock look for newer firmware, and install it: into the slot that
is idle, verified there, and tried at a restart. The clock goes on with it by
itself; interrupting the command leaves it alone, "ota cancel" ends it.

A source that fails, or delivers wrong bytes, is left for the other one. What was
loaded already is not loaded again, even after a restart.

On a terminal a bar shows how far it is. Elsewhere, and with --json, each step is a
line of JSON; the last line is the result:
  installed    it is started next, or on trial
  confirmed    it passed its trial
  rolled_back  it did not, and the one before it runs again
  failed       nothing was installed, as far as could be seen
  up_to_date   there is nothing newer
The first two and the last are exit status 0; with --wait, installed is not: the clock
ended, and there is no verdict.

On a Linux board an update changes the image that the boot loader runs, today only
its descriptor: the program stays the one that you installed.`,
		Example: `  wordclockd ota update
  wordclockd ota update --source cloudflare --wait
  wordclockd ota update --file wordclock.bin --force --no-reboot`,
		Args:        takes(0, 0),
		Annotations: daemonExits(exitCheckFailed, exitInterrupted),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.command(cmd)
			if err != nil {
				return usageError(fmt.Errorf("ota update: %w", err))
			}
			return o.run(cmd, c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.source, "source", "", "prefer `SOURCE` this time: github or cloudflare; the other still steps in")
	f.BoolVar(&o.force, "force", false, "install an older or equal version too, or one that was given up; nothing else is skipped")
	f.StringVar(&o.file, "file", "", "install this `FILE` instead of what the sources have, under the same checks")
	f.BoolVar(&o.stay, "no-reboot", false, "leave it to the next restart to try what was installed")
	f.BoolVar(&o.wait, "wait", false, "return when it is confirmed or rolled back, after the restart")
	return cmd
}

type updateOptions struct {
	source, file      string
	force, stay, wait bool
}

// command returns what the clock is asked to do.
func (o *updateOptions) command(cmd *cobra.Command) (clock.Command, error) {
	c := clock.Command{Name: clock.StartOTA, Args: map[string]string{"force": strconv.FormatBool(o.force)}}
	given := cmd.Flags().Changed
	switch {
	case given("source") && given("file"):
		return c, errors.New("--source and --file: a file comes from no source: give one of them")
	case o.stay && o.wait:
		return c, errors.New("--no-reboot and --wait: without a restart there is no verdict to wait for: give one of them")
	case given("file") && o.file == "":
		return c, errors.New("--file: want the name of an image")
	case given("source"):
		s, err := clock.ParseSource(o.source)
		if err != nil {
			return c, err
		}
		c.Args["source"] = s.String()
	case given("file"):
		if err := isImageFile(o.file); err != nil {
			return c, err
		}
		path, err := filepath.Abs(o.file) // the clock has a directory of its own
		if err != nil {
			return c, err
		}
		c.Args["file"] = path
	}
	if o.stay {
		c.Args["reboot"] = "false"
	}
	return c, nil
}

// isImageFile returns an error if nobody can read an image there. What only the clock may
// look at is left to it.
func isImageFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--file %s: there is no such file", path)
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("--file %s: it is no regular file", path)
	}
	return nil
}

// run starts an update and stays with it.
func (o *updateOptions) run(cmd *cobra.Command, c clock.Command) error {
	number, refused, err := startUpdate(cmd, c)
	if err != nil {
		sayGoesOn(cmd)
		return err
	}
	a := clock.Attempt{Result: clock.Failed}
	if refused != nil {
		a.Reason = refused.Text
		return o.finish(cmd, a)
	}
	see, end := watcher(cmd)
	f := follower{client: clientOf(cmd), number: number, wait: o.wait, away: awayLimit, see: see}
	a, err = f.run(cmd.Context())
	end()
	switch {
	case cmd.Context().Err() != nil:
		sayGoesOn(cmd)
		return codeError{exitInterrupted, cmd.Context().Err()}
	case err != nil:
		a = lost(a, err)
	}
	return o.finish(cmd, a)
}

// lost is an update as it was seen last, when no more is seen of it. What was installed
// stays so.
func lost(a clock.Attempt, why error) clock.Attempt {
	switch {
	case a.Result == clock.Installed:
		a.Reason = "its verdict was not seen; " + why.Error()
	case a.State == ota.Complete.String():
		a.Result, a.Reason = clock.Installed, "the next start of the clock tries it; "+why.Error()
	default:
		a.Result, a.Reason = clock.Interrupted, why.Error()
	}
	return a
}

// sayGoesOn tells who interrupted what that did not end.
func sayGoesOn(cmd *cobra.Command) {
	if cmd.Context().Err() != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), `wordclockd: ota update: an update that has begun goes on: "wordclockd ota status" shows how far it is, "wordclockd ota cancel" ends it`)
	}
}

// startUpdate has the clock begin. That it refuses to is no error.
func startUpdate(cmd *cobra.Command, c clock.Command) (number uint32, refused *control.Error, err error) {
	var answer struct {
		Number uint32 `json:"number"`
	}
	err = ask(cmd, func(ctx context.Context, client *control.Client) error {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if s.Board == config.Linux {
			fmt.Fprintf(cmd.ErrOrStderr(), "wordclockd: %s: note: %s\n", verb(cmd), linuxNote)
		}
		err = client.Do(ctx, c, &answer)
		if e, ok := errors.AsType[*control.Error](err); ok && isRefusal(e) {
			refused = e
			return nil
		}
		return err
	})
	return answer.Number, refused, err
}

// isRefusal tells that a clock understood well, and will not.
func isRefusal(e *control.Error) bool {
	switch e.Code {
	case control.CodeInvalid, control.CodeNotFound, control.CodeRestarting, control.CodeFailed:
		return false
	}
	return true
}

// watcher returns who shows the course of an update, and how that ends.
func watcher(cmd *cobra.Command) (see func(clock.Attempt, *clock.Trial) error, end func()) {
	if isTerminal(cmd.OutOrStdout()) && !wantsJSON(cmd) {
		p := newProgress(cmd.OutOrStdout())
		return p.see, p.end
	}
	s := steps{print: func(line stepLine) error { return printJSON(cmd, line) }}
	return s.see, func() {}
}
