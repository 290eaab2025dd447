package clock

import "time"

// Sensors is what the sensors say. What is not there is zero, and its Has is missing.
type Sensors struct {
	At time.Time // of the newest reading, by the host's clock; zero is none

	Lux      float64 // lx
	LightErr string  // why Lux is of no use; "" if it is

	KnobRaw int     // of the converter, 0 to 4095
	KnobMV  int     // mV, 0 to 3300
	Knob    float64 // position, 0 to 1
	KnobErr string
}
