package machine

import (
	"fmt"
	"net"
	"strings"
)

// hostMAC returns the address of the host's first network card, nil if it has none.
// One that its maker gave it is preferred: others change with each start of the host.
func hostMAC() net.HardwareAddr {
	cards, err := net.Interfaces()
	if err != nil {
		return nil
	}
	return chooseMAC(cards)
}

func chooseMAC(cards []net.Interface) (found net.HardwareAddr) {
	const local = 0x02 // IEEE 802, second bit of the first byte
	for _, c := range cards {
		switch mac := c.HardwareAddr; {
		case c.Flags&net.FlagLoopback != 0 || len(mac) != 6 || string(mac) == "\x00\x00\x00\x00\x00\x00":
		case mac[0]&local == 0:
			return mac
		case found == nil:
			found = mac
		}
	}
	return found
}

// hostID returns the six digits by which the firmware tells clocks of one name apart.
func hostID(mac net.HardwareAddr) string { return fmt.Sprintf("%02X%02X%02X", mac[3], mac[4], mac[5]) }

// upper is an address as the firmware announces it.
func upper(mac net.HardwareAddr) string { return strings.ToUpper(mac.String()) }
