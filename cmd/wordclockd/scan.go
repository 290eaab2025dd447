package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"wordclockd/internal/doctor"
)

func newScan() *cobra.Command {
	var buses []int
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "List the chips on this host's I²C buses",
		Long: `Ask each address from 0x08 to 0x77 of I²C buses by reading one byte, and say who
answers and what it probably is. All buses of this host are asked, or those that
--bus names; N is that of /dev/i2c-N.

An address at which a driver of the kernel owns the chip is marked UU and not
asked. 0x6B is left out: it is Software Reset of every TLC59116. An address that
keeps the bus waiting hangs; a bus where many do is given up. On a bus that is not
a clock's think twice: a few chips, such as clock generators at 0x69 of a PC, do
not bear to be read.`,
		Example:     "  wordclockd scan\n  wordclockd scan --bus 1 --bus 3 --json",
		Args:        takes(0, 0),
		Annotations: exits(exitOK, exitError, exitUsage, exitInterrupted),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, n := range buses {
				if n < 0 || n > 65535 {
					return usageError(fmt.Errorf("scan --bus %d: want the number N of a /dev/i2c-N", n))
				}
			}
			h := doctor.ThisHost()
			if len(buses) == 0 {
				buses = h.Buses()
			}
			if len(buses) == 0 {
				buses = []int{1} // to say why there is none
			}
			found, err := doctor.Scan(cmd.Context(), h, buses...)
			if err == nil {
				err = cmd.Context().Err()
			}
			if err != nil {
				return fmt.Errorf("scan: %w", err)
			}
			return printScan(cmd, found)
		},
	}
	cmd.Flags().IntSliceVar(&buses, "bus", nil, "ask /dev/i2c-`N` alone; may be repeated")
	return cmd
}

// printScan prints what was found. A bus that could not be asked is an error.
func printScan(cmd *cobra.Command, found []doctor.Adapter) error {
	var err error
	if wantsJSON(cmd) {
		err = printJSON(cmd, found)
	} else {
		err = doctor.PrintScan(cmd.OutOrStdout(), found)
	}
	for _, a := range found {
		if a.Error != "" {
			err = errors.Join(err, fmt.Errorf("scan i2c-%d: %s", a.Bus, a.Error))
		}
	}
	return err
}
