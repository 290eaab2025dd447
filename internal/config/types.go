package config

import (
	"log/slog"
	"time"
)

// Config is the whole configuration, checked.
type Config struct {
	Device Device
	Board  Board
	Button Button
	Hooks  Hooks
	Time   Time
	MQTT   MQTT
	Broker Broker
	HTTP   HTTP
	OTA    OTA
	Health Health
	Chimes Chimes
	Log    Log
}

// Device is how the clock presents itself.
type Device struct {
	Name string         // letters, digits, underscore and hyphen; part of topics and ids
	Zone *time.Location // key timezone
}

// Board is what the clock runs on.
type Board struct {
	Kind       string // Sim or Linux
	LEDsBus    int    // N of /dev/i2c-N
	SensorsBus int    // may be the same

	// Pins by the kernel's name; "" is not wired.
	ResetPin  string
	ButtonPin string
	Lamps     Lamps

	ADC ADC // of the potentiometer
}

// A Pin is a line of a GPIO chip, and the key that names it.
type Pin struct{ Key, Name string }

// Pins returns all pins, wired or not.
func (b Board) Pins() []Pin {
	return []Pin{{"board.reset_pin", b.ResetPin}, {"board.button_pin", b.ButtonPin}, {"board.lamps.net", b.Lamps.Net}, {"board.lamps.time", b.Lamps.Time}}
}

// Lamps are the two status lamps.
type Lamps struct{ Net, Time string }

// ADC is an ADS1115 and the channel that the potentiometer hangs on.
type ADC struct {
	Bus     int    // N of /dev/i2c-N; 0 is not wired
	Address uint16 // 0x48 to 0x4B
	Channel int    // 0 to 3
}

// Button is what the button does.
type Button struct {
	Command string        // of clock.Commands, one without parameters; "" is none
	Hold    time.Duration // it is held down at least
}

// Hooks are programs that do what the clock cannot do by itself; "" is none.
type Hooks struct{ ResetWiFi string }

// Time is where the time comes from.
type Time struct {
	Source     string   // auto, host, ntp or rtc
	NTPServers []string // host or host:port
}

// MQTT is the broker that the clock connects to.
type MQTT struct {
	URL          string // scheme://host[:port], Embedded or Off
	Username     string
	PasswordFile string // see Secret
	CAFile       string
	CertFile     string
	KeyFile      string

	Reconnect time.Duration // the longest pause between two tries to connect

	Discovery       string // device or off
	DiscoveryPrefix string
	TopicPrefix     string
	DeviceID        string // in Home Assistant; "" is to be found

	password *string // of the environment; behind a pointer, which is all that fmt prints
}

// Broker is the embedded broker.
type Broker struct{ Listen string }

// HTTP is the web page.
type HTTP struct {
	Listen    string
	TokenFile string // for ReadSecret; "" is none
}

// OTA is where firmware comes from, and how.
type OTA struct {
	GitHub, Cloudflare Source // keys sources.github, sources.cloudflare

	CompareSources bool
	CheckInterval  time.Duration // 0 is never
	AutoInstall    bool
	AllowUnhashed  bool
	AllowHTTP      bool
	CAFile         string // trusted beside the system's roots

	Stall       time.Duration
	Deadline    time.Duration
	RebootDelay time.Duration
}

// Source is where one source of firmware keeps its files.
type Source struct {
	Manifest string // URL of version.json
	Image    string // URL of wordclock.bin
	Base     string // URL that /targets/… is below; by default the manifest's directory
}

// Health is when a trial is judged.
type Health struct {
	Settle   time.Duration
	Attempts int
	Interval time.Duration
}

// Chimes are the sounds.
type Chimes struct{ Folder string }

// Log is how the program reports.
type Log struct {
	Level  slog.Level
	Format string // auto, text or json
}
