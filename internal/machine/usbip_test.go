package machine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"wordclockd/internal/hal/sim"
)

// attach plugs a simulated bus into port n of the kernel's virtual USB host, as
// an i2c-tiny-usb adapter, and serves it until it is unplugged.
func attach(bus *sim.Bus, port int) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	const fullSpeed = 2
	line := fmt.Sprintf("%d %d %d %d", port, fds[0], port+1, fullSpeed)
	if err := os.WriteFile(vhci+"attach", []byte(line), 0); err != nil {
		return err
	}
	_ = unix.Close(fds[0])
	go func() {
		s := usbip{bus: bus, conn: os.NewFile(uintptr(fds[1]), "usbip")}
		if err := s.serve(); err != nil && !errors.Is(err, io.EOF) {
			fmt.Printf("usbip port %d: %v\n", port, err)
		}
	}()
	return nil
}

func detach(port int) error {
	return os.WriteFile(vhci+"detach", fmt.Appendf(nil, "%d", port), 0)
}

const vhci = "/sys/devices/platform/vhci_hcd.0/"

// A usbip serves one device in the USB/IP protocol
// (https://docs.kernel.org/usb/usbip_protocol.html), control endpoint only.
type usbip struct {
	bus    *sim.Bus
	conn   *os.File
	status byte // of the last message on the bus
}

// Commands, and the size of their header.
const (
	cmdSubmit  = 1
	cmdUnlink  = 2
	headerSize = 48
	dirIn      = 1
)

func (s *usbip) serve() error {
	defer s.conn.Close()
	for {
		var h [headerSize]byte
		if _, err := io.ReadFull(s.conn, h[:]); err != nil {
			return err
		}
		command := binary.BigEndian.Uint32(h[0:])
		in := binary.BigEndian.Uint32(h[12:]) == dirIn
		n := min(binary.BigEndian.Uint32(h[24:]), 1<<16)
		var data []byte
		if command == cmdSubmit && !in {
			data = make([]byte, n)
			if _, err := io.ReadFull(s.conn, data); err != nil {
				return err
			}
		}
		reply := make([]byte, headerSize)
		copy(reply[4:20], h[4:20])
		switch command {
		case cmdSubmit:
			answer, ok := s.control([8]byte(h[40:]), data)
			binary.BigEndian.PutUint32(reply[0:], 3)
			if !ok {
				binary.BigEndian.PutUint32(reply[20:], ^uint32(unix.EPIPE)+1) // a stall
			}
			length := uint32(len(data))
			if in {
				answer = answer[:min(len(answer), int(n))]
				length = uint32(len(answer))
				reply = append(reply, answer...)
			}
			binary.BigEndian.PutUint32(reply[24:], length)
		case cmdUnlink: // everything is answered by then
			binary.BigEndian.PutUint32(reply[0:], 4)
		}
		if _, err := s.conn.Write(reply); err != nil {
			return err
		}
	}
}

// Requests of the i2c-tiny-usb adapter (drivers/i2c/busses/i2c-tiny-usb.c).
const (
	reqGetFunc   = 1
	reqSetDelay  = 2
	reqGetStatus = 3
	reqIO        = 4 // | 1 begin | 2 end
	ioEnd        = 2
	flagRead     = 1
	statusACK    = 1
	statusNAK    = 2
)

// control answers a request on the control endpoint.
func (s *usbip) control(setup [8]byte, data []byte) (answer []byte, ok bool) {
	kind, request := setup[0], setup[1]
	value := binary.LittleEndian.Uint16(setup[2:])
	index := binary.LittleEndian.Uint16(setup[4:])
	length := binary.LittleEndian.Uint16(setup[6:])
	if kind>>5&3 != 2 { // not a vendor request
		return standard(request, value)
	}
	switch {
	case request == reqGetFunc:
		return []byte{0x01, 0x00, 0xFF, 0x0E}, true // I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL
	case request == reqSetDelay:
		return nil, true
	case request == reqGetStatus:
		return []byte{s.status}, true
	case request&^3 == reqIO:
		read := value&flagRead != 0
		if read {
			data = make([]byte, length)
		}
		s.status = statusACK
		if s.bus.Msg(index, read, data, request&ioEnd != 0) != nil {
			s.status = statusNAK
		}
		return data, true
	}
	return nil, false
}

// standard answers what any USB device is asked.
func standard(request byte, value uint16) (answer []byte, ok bool) {
	const getDescriptor, setConfiguration, setInterface = 6, 9, 11
	switch request {
	case getDescriptor:
		switch value >> 8 {
		case 1: // device 0403:c631, a class of its own
			return []byte{18, 1, 0x10, 0x01, 0xFF, 0, 0, 64, 0x03, 0x04, 0x31, 0xC6, 0x05, 0x02, 0, 0, 0, 1}, true
		case 2: // configuration 1 with an interface without endpoints
			return []byte{9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xFF, 0, 0, 0}, true
		}
	case setConfiguration, setInterface:
		return nil, true
	}
	return nil, false
}
