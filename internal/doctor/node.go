package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const remedyHang = "look for a chip that holds SDA or SCL low, for missing pull-ups (4.7 kΩ to 3.3 V) and for swapped wires; then take the power away for a moment"

// node finds whether /dev/i2c-n is there and may be used.
func (h Host) node(n int) Finding {
	name := fmt.Sprintf("dev/i2c-%d", n)
	f := Finding{Level: Fault, Topic: topic(n), Subject: "/" + name}
	info, err := fs.Stat(h.Root, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Text, f.Remedy = h.missing(n)
	case err != nil:
		f.Text = err.Error()
	case info.Mode()&fs.ModeCharDevice == 0:
		f.Text, f.Remedy = "is no device", "remove what lies there and reboot"
	default:
		f.Text, f.Remedy = h.access(info)
		if f.Text == "" {
			f.Level, f.Text = OK, "is there, and "+h.User.Name+" may use it"
		}
	}
	return f
}

// missing says why there is no node, and how to get it.
func (h Host) missing(n int) (text, remedy string) {
	nodes, bare := h.adapters()
	if slices.Contains(bare, n) {
		return "does not exist, though the kernel has the adapter: the module i2c-dev is not loaded",
			"sudo modprobe i2c-dev; to keep it: echo i2c-dev | sudo tee /etc/modules-load.d/i2c.conf"
	}
	text = "does not exist; this host has no I²C bus at all"
	if all := slices.Concat(nodes, bare); len(all) > 0 {
		slices.Sort(all)
		text = "does not exist; this host has " + list(all, topic)
	}
	if m := h.model(); m == "" || !h.isPi() {
		return text, "load the driver of the I²C adapter, or name another bus in board.leds_bus, board.sensors_bus or board.adc.bus"
	}
	return text, fmt.Sprintf("add %s to /boot/firmware/config.txt and reboot (raspi-config, Interface Options, does it for bus 1); or name another bus in the configuration",
		h.overlay(n))
}

// overlay is the line of config.txt that brings bus n of a Raspberry Pi to life.
func (h Host) overlay(n int) string {
	switch {
	case n == 0:
		return "dtparam=i2c_vc=on"
	case n == 1:
		return "dtparam=i2c_arm=on"
	case strings.HasPrefix(h.model(), "Raspberry Pi 5"):
		return fmt.Sprintf("dtoverlay=i2c%d-pi5", n)
	}
	return fmt.Sprintf("dtoverlay=i2c%d (before the Pi 4: dtoverlay=i2c-gpio,bus=%d)", n, n)
}

func topic(bus int) string { return fmt.Sprintf("i2c-%d", bus) }

// list writes values one after the other.
func list[T any](values []T, text func(T) string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text(v))
	}
	return b.String()
}
