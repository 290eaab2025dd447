package doctor

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes findings for a person, by topic, each with its remedy below.
func Print(w io.Writer, findings []Finding) error {
	b := bufio.NewWriter(w)
	last := ""
	for _, f := range findings {
		if f.Topic != last {
			if last != "" {
				fmt.Fprintln(b)
			}
			fmt.Fprintln(b, f.Topic)
			last = f.Topic
		}
		fmt.Fprintf(b, "  %-7s  %s: %s\n", f.Level, f.Subject, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(b, "           → %s\n", f.Remedy)
		}
	}
	return b.Flush()
}

// PrintScan writes what was found on buses for a person, an address a line. UU
// is what i2cdetect writes where a driver of the kernel owns the chip.
func PrintScan(w io.Writer, adapters []Adapter) error {
	for i, a := range adapters {
		if i > 0 {
			fmt.Fprintln(w)
		}
		name := a.Name
		if name != "" {
			name = ", " + name
		}
		fmt.Fprintf(w, "/dev/%s%s\n", topic(a.Bus), name)
		if len(a.Answers) == 0 && a.Error == "" {
			fmt.Fprintln(w, "  nobody answers")
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, x := range a.Answers {
			fmt.Fprintf(t, "  %s\t%s\t%s\n", x.Addr, x.how(), cmp.Or(x.Chip, "unknown"))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if a.Error != "" {
			fmt.Fprintf(w, "  %s\n", a.Error)
		}
		if a.Remedy != "" {
			fmt.Fprintf(w, "  → %s\n", a.Remedy)
		}
	}
	return nil
}

func (a Answer) how() string {
	switch {
	case a.Driver != "":
		return "UU " + a.Driver
	case a.Hung:
		return "hangs"
	}
	return "answers"
}
