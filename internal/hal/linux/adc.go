package linux

import (
	"periph.io/x/conn/v3/analog"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/devices/v3/ads1x15"
)

// ADC is an ADS1115 and the input that the potentiometer hangs on.
type ADC struct {
	Bus     int // N of /dev/i2c-N; 0 is not wired
	Address uint16
	Input   int // 0 to 3
}

const (
	potMax = 3300 * physic.MilliVolt
	// potRate is the fastest that the chip has: a sample takes 1.2 ms. It waits no
	// longer than that, so that a chip whose oscillator is slow (datasheet SBAS444D: 10 %)
	// gives the sample before.
	potRate = 860 * physic.Hertz
)

// openADC returns an input as periph reads it. It does not touch the bus.
func openADC(b i2c.Bus, c ADC) (analog.PinADC, error) {
	dev, err := ads1x15.NewADS1115(b, &ads1x15.Opts{I2cAddress: c.Address})
	if err != nil {
		return nil, err
	}
	return dev.PinForChannel(ads1x15.Channel0+ads1x15.Channel(c.Input), potMax, potRate, ads1x15.BestQuality)
}
