package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// What the kernel knows of its I²C buses, by Documentation/i2c/i2c-sysfs.rst: an
// adapter is /sys/bus/i2c/devices/i2c-N, a chip that it was told of is N-00XX
// there, and the link driver in that is who owns the chip.
const i2cDevices = "sys/bus/i2c/devices"

// adapters returns the numbers of the adapters that have a node in /dev, and of
// those that have none.
func (h Host) adapters() (nodes, bare []int) {
	seen := map[int]bool{}
	for _, n := range h.numbers("dev") {
		nodes, seen[n] = append(nodes, n), true
	}
	for _, n := range h.numbers(i2cDevices) {
		if !seen[n] {
			bare = append(bare, n)
		}
	}
	return nodes, bare
}

// numbers returns each N of an i2c-N in a directory.
func (h Host) numbers(dir string) (ns []int) {
	entries, err := fs.ReadDir(h.Root, dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "i2c-%d", &n); err == nil && e.Name() == fmt.Sprintf("i2c-%d", n) {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns
}

// adapterName returns what the kernel calls an adapter.
func (h Host) adapterName(bus int) string {
	b, err := fs.ReadFile(h.Root, path.Join(i2cDevices, fmt.Sprintf("i2c-%d", bus), "name"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// owners returns the drivers that own chips on a bus, by address.
func (h Host) owners(bus int) map[Addr]string {
	entries, err := fs.ReadDir(h.Root, i2cDevices)
	if err != nil {
		return nil
	}
	drivers := map[Addr]string{}
	for _, e := range entries {
		var n int
		var addr Addr
		if _, err := fmt.Sscanf(e.Name(), "%d-%04x", &n, (*uint16)(&addr)); err != nil || n != bus {
			continue
		}
		if link, err := fs.ReadLink(h.Root, path.Join(i2cDevices, e.Name(), "driver")); err == nil {
			drivers[addr] = path.Base(link)
		}
	}
	return drivers
}

// release says how to take a chip from the driver that owns it.
func release(bus int, addr Addr, driver string) string {
	overlay := "the dtoverlay or new_device that names it"
	switch driver {
	case "rtc-ds1307":
		overlay = "dtoverlay=i2c-rtc,ds3231"
	case "bh1750":
		overlay = "dtoverlay=i2c-sensor,bh1750"
	}
	return fmt.Sprintf("remove %s from /boot/firmware/config.txt and reboot; until then: echo %d-%04x | sudo tee /sys/bus/i2c/drivers/%s/unbind",
		overlay, bus, uint16(addr), driver)
}
