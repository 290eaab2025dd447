package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wordclockd/internal/boot"
	"wordclockd/internal/control"
	"wordclockd/internal/machine"
)

// A partitionRow is a partition as it is listed.
type partitionRow struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Subtype string `json:"subtype"`
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"`
	Flags   uint32 `json:"flags"`
}

// A flashInfo is what "flash info" prints.
type flashInfo struct {
	Size       int64            `json:"size"`
	Table      []partitionRow   `json:"table"`
	TableError string           `json:"table_error,omitempty"` // why the intended table stands for the one in the flash
	OTAData    []control.Select `json:"otadata"`
	Slots      []control.Slot   `json:"slots"`
	Level      int              `json:"level"`
	Keys       []string         `json:"keys"`
	Next       string           `json:"next"`
	Trial      bool             `json:"trial"`

	all control.Slots
}

func newFlashInfo() *cobra.Command {
	var dump string
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Say what is in the flash, and what is started next",
		Long: `Say where the partitions are, what otadata selects, what is in each slot, what the
fuses demand, and what the next start begins with.

--image looks at a file that was read out of a real clock, such as by "esptool
read_flash". No fuses come with it.`,
		Example:     "  wordclockd flash info\n  wordclockd flash info --image dump.bin --json",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitRunning),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return lookFlash(cmd, verb(cmd), dump, func(x *machine.Flash) error {
				info, err := infoOf(x)
				if err != nil {
					return err
				}
				if wantsJSON(cmd) {
					return printJSON(cmd, info)
				}
				return table(cmd, func(w *tabwriter.Writer) { writeInfo(w, info) })
			})
		},
	}
	imageFlag(cmd, &dump)
	return cmd
}

func infoOf(x *machine.Flash) (flashInfo, error) {
	s, err := x.Slots()
	info := flashInfo{
		Size: x.Device.Geometry().Size, OTAData: s.OTAData, Slots: s.Slots, Level: s.Level, Keys: s.Keys,
		Next: s.Next, Trial: s.Trial, all: s,
	}
	if damage := boot.TableDamage(x.Device); damage != nil {
		info.TableError = damage.Error()
	}
	for _, p := range x.Table.Partitions {
		info.Table = append(info.Table, partitionRow{p.Name, p.TypeName(), p.SubtypeName(), p.Off, p.Size, p.Flags})
	}
	return info, err
}

func writeInfo(w *tabwriter.Writer, info flashInfo) {
	fmt.Fprintf(w, "flash\t%#x bytes\n", info.Size)
	if info.TableError != "" {
		fmt.Fprintf(w, "table\tthe intended one stands for it: %s\n", info.TableError)
	}
	for _, p := range info.Table {
		fmt.Fprintf(w, "partition %s\t%s\t%s\t%#x\t%#x\n", p.Name, p.Type, p.Subtype, p.Offset, p.Size)
	}
	for _, e := range info.OTAData {
		fmt.Fprintf(w, "otadata %d\t%s\n", e.Sector, selectLine(e))
	}
	for _, s := range info.Slots {
		fmt.Fprintf(w, "slot %s\t%s\n", s.Name, slotLine(s, info.all))
		if s.Bytes > 0 {
			fmt.Fprintf(w, "\t%s\n", imageLine(s))
		}
	}
	fmt.Fprintf(w, "lowest secure version\t%d\n", info.Level)
	for _, k := range info.Keys {
		fmt.Fprintf(w, "trusted key\t%s\n", k)
	}
	if len(info.Keys) == 0 {
		fmt.Fprintf(w, "trusted key\tnone, so that any image may run\n")
	}
	if info.Next == "" {
		fmt.Fprintf(w, "next start\tnothing can be started\n")
	} else {
		fmt.Fprintf(w, "next start\t%s\n", info.Next)
	}
}

func selectLine(e control.Select) string {
	if e.Blank {
		return "blank"
	}
	parts := []string{fmt.Sprintf("sequence number %d", e.Seq), e.State}
	if e.Slot != "" {
		parts = append(parts, "about "+e.Slot)
	}
	if !e.CRC {
		parts = append(parts, "wrong checksum")
	}
	return strings.Join(parts, ", ")
}

// imageLine says of the image in a slot what only those want to know who ask for it.
func imageLine(s control.Slot) string {
	signed := "unsigned"
	if s.Signed {
		signed = "signed"
	}
	return fmt.Sprintf("%d bytes, secure version %d, %s, digest %s", s.Bytes, s.SecureVersion, signed, s.Digest)
}
