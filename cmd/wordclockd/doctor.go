package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/control"
	"wordclockd/internal/doctor"
	"wordclockd/internal/machine"
	"wordclockd/internal/nvs"
	"wordclockd/internal/task"
	"wordclockd/internal/timekeeper"
)

func newDoctor() *cobra.Command {
	var chosen func() []config.Flag
	cmd := &cobra.Command{
		Use:   "doctor [hardware|ota|mqtt]",
		Short: "Look for what is wrong, and say what to do about it",
		Long: `Look at what a clock depends on, and say of each trouble what to do about it. It
takes 10 s at most, whatever is dead, and changes nothing. A broker is visited under an
id of its own; what it keeps stays as it is. While no clock is there by this name, what
it keeps and what no command is are published on the clock's topics, to see them come
back; else only something on a topic that no clock reads.

  hardware  the buses and their rights, drivers of the kernel that own a chip, and
            each chip by reading from it
  ota       both sources of firmware: name, connection, certificate, manifest and
            head of the image, how they differ, and which one is preferred; and
            what became of the last update
  mqtt      the broker: name, connection, certificate, password, which topics may be
            subscribed to and written, and what it keeps of the clock

Without an argument it looks at all of them, and always at the space that is left where the
clock keeps its state. On a simulated board there is no hardware;
--board linux looks at that of this host all the same. The broker is that of the
configuration, with its password; --mqtt names another one.

What doctor says is explained in docs/troubleshooting.md.`,
		Example:     "  wordclockd doctor\n  wordclockd doctor hardware --board linux\n  wordclockd doctor ota --json\n  wordclockd doctor mqtt",
		Args:        takes(0, 1),
		ValidArgs:   []string{"hardware", "ota", "mqtt"},
		Annotations: exits(exitOK, exitError, exitUsage, exitUnhealthy, exitInterrupted),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && !slices.Contains(cmd.ValidArgs, args[0]) {
				return usageError(fmt.Errorf("doctor %q: want hardware, ota or mqtt, or none for all", args[0]))
			}
			c, err := loadConfig(cmd, chosen()...)
			if err != nil {
				return err
			}
			findings, err := diagnose(cmd, args, c.Config)
			if err != nil {
				return err
			}
			return printFindings(cmd, findings)
		},
	}
	chosen = choices(cmd, "what to look at", "the MQTT broker to look at")
	return cmd
}

// diagnose looks at what the arguments name, or at everything, at once.
func diagnose(cmd *cobra.Command, args []string, c config.Config) ([]doctor.Finding, error) {
	wanted := func(what string) bool { return len(args) == 0 || args[0] == what }
	var hardware, sources, broker, state []doctor.Finding
	g, _ := task.NewGroup(cmd.Context())
	if wanted("hardware") {
		g.Go("hardware", func(ctx context.Context) error {
			hardware = doctor.Hardware(ctx, thisHost(cmd), c.Board)
			return nil
		})
	}
	if wanted("ota") {
		g.Go("ota", func(ctx context.Context) error {
			sources = doctor.OTA(ctx, doctor.ThisWeb("wordclockd/"+version), c.OTA, preference(cmd))
			sources = append(sources, updates(cmd)...)
			return nil
		})
	}
	if wanted("mqtt") {
		g.Go("mqtt", func(ctx context.Context) error {
			link := linkOf(cmd)
			broker = doctor.MQTT(ctx, bridgeOf(cmd, c, link), link, preference(cmd))
			return nil
		})
	}
	g.Go("state", func(context.Context) error {
		state = doctor.Space(string(stateOf(cmd)), doctor.Free)
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	if err := cmd.Context().Err(); err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	return slices.Concat(hardware, sources, broker, state), nil
}

func printFindings(cmd *cobra.Command, findings []doctor.Finding) error {
	var err error
	if wantsJSON(cmd) {
		err = printJSON(cmd, findings)
	} else {
		err = doctor.Print(cmd.OutOrStdout(), findings)
	}
	if err != nil {
		return err
	}
	faults := 0
	for _, f := range findings {
		if f.Level == doctor.Fault {
			faults++
		}
	}
	if faults > 0 {
		return codeError{exitUnhealthy, fmt.Errorf("doctor: faults found: %d", faults)}
	}
	return nil
}

// thisHost is this host, with what the doctor cannot know by itself.
func thisHost(cmd *cobra.Command) doctor.Host {
	h := doctor.ThisHost()
	h.Synced = timekeeper.KernelSynced
	h.Running, _ = running(cmd) // who may not know may not have a clock either
	return h
}

// preference returns which source is preferred, as far as it can be known: by
// asking a running clock, else by what is stored.
func preference(cmd *cobra.Command) (p doctor.Preference) {
	busy, err := running(cmd)
	switch {
	case err != nil:
	case busy:
		p.Stored, p.Running, err = runningSource(cmd)
	default:
		p.Stored, err = storedChoice(stateOf(cmd))
	}
	if err != nil {
		p.Note = fmt.Sprintf("which source is preferred cannot be known: %v", err)
	}
	return p
}

// updates says what became of the last update, as far as it can be known.
func updates(cmd *cobra.Command) []doctor.Finding {
	busy, err := running(cmd)
	if err != nil || !busy {
		r, _ := storedRecord(stateOf(cmd)) // what cannot be read was said with the preference
		d, _ := dormantImage(cmd)          // the same
		l := d.finds(r)
		if a := l.cut; a != nil {
			a.Result, a.Reason = clock.Interrupted, "the clock ended in the middle of it"
			return doctor.Updates(a, d.trial)
		}
		return doctor.Updates(l.latest(), d.trial)
	}
	s, err := statusSoon(cmd)
	if err != nil {
		return nil
	}
	return doctor.Updates(s.OTA.Last, s.Trial)
}

// storedChoice returns what was chosen, nil if nobody ever chose.
func storedChoice(state machine.State) (*clock.Source, error) {
	chosen := false
	err := readNVS(state, func(tx *nvs.Tx) error {
		if tx != nil {
			_, chosen = tx.Get(nvs.OTASource.Namespace, nvs.OTASource.Name)
		}
		return nil
	})
	if err != nil || !chosen {
		return nil, err
	}
	s, err := storedSource(state)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// runningSource asks the clock.
func runningSource(cmd *cobra.Command) (stored, effective *clock.Source, err error) {
	s, err := statusSoon(cmd)
	if err != nil {
		return nil, nil, err
	}
	if s, err := clock.ParseSource(s.OTA.Stored); err == nil {
		stored = &s
	}
	source, err := clock.ParseSource(s.OTA.Source)
	return stored, &source, err
}

// statusSoon asks the clock, which may hang: that must not use up the time for all
// the rest.
func statusSoon(cmd *cobra.Command) (control.Status, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), 500*time.Millisecond)
	defer cancel()
	return clientOf(cmd).Status(ctx)
}
