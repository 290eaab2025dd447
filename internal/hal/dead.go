package hal

import (
	"errors"

	"periph.io/x/conn/v3/i2c"
)

// Dead makes a bus on which nobody acknowledges addr, or any address if that is 0,
// as long as dead says so.
func Dead(b i2c.Bus, addr uint16, dead func() bool) i2c.Bus { return &deadBus{b, addr, dead} }

type deadBus struct {
	i2c.Bus
	addr uint16
	dead func() bool
}

var errDead = errors.New("nobody acknowledges")

func (d *deadBus) Tx(addr uint16, w, r []byte) error {
	if (d.addr == 0 || d.addr == addr) && d.dead() {
		return &TxError{Bus: d.String(), Addr: addr, W: len(w), R: len(r), Err: errDead}
	}
	return d.Bus.Tx(addr, w, r)
}
