package config

import (
	"errors"
	"strings"
	"testing"
)

// mistakes has a file for every kind of error, and what a user is told.
var mistakes = []struct{ name, file, want string }{
	{"unknown key", "ota:\n  chek_interval: 24h\n",
		"c.yaml:2:3: key ota.chek_interval: no such key, the nearest is ota.check_interval\n  2 | chek_interval: 24h\n      ^"},
	{"unknown key in braces", "ota: {stall: 5s, dedline: 10m}\n",
		"c.yaml:1:18: key ota.dedline: no such key, the nearest is ota.deadline\n  1 | ota: {stall: 5s, dedline: 10m}\n                       ^"},
	{"key of another section", "url: off\n",
		"c.yaml:1:1: key url: no such key, the nearest is mqtt.url\n  1 | url: off\n      ^"},
	{"unknown section", "device:\n  name: a\nhelth:\n  settle: 30s\n",
		"c.yaml:3:1: key helth: no such section, the nearest is health\n  3 | helth:\n      ^"},
	{"unknown section in a section", "ota:\n  sources:\n    gitlab: {base: ''}\n",
		"c.yaml:3:5: key ota.sources.gitlab: no such section, the nearest is ota.sources.github\n  3 | gitlab: {base: ''}\n      ^"},
	{"another case", "Log: {level: info}\n", "c.yaml:1:1: key Log: no such section, the nearest is log\n"},
	{"a key that is a number", "7: x\n", "c.yaml:1:1: key 7: no such key, the nearest is "},
	{"dotted key", "ota.stall: 5s\n",
		"c.yaml:1:1: key ota.stall: want one key below the other, such as log: {level: info}\n  1 | ota.stall: 5s\n      ^"},
	{"duplicate key", "log:\n  level: info\n  level: warn\n",
		"c.yaml:3:3: key log.level: it is in line 2 already\n  3 | level: warn\n      ^"},
	{"duplicate section", "log: {level: info}\ntime: {source: rtc}\nlog: {format: json}\n",
		"c.yaml:3:1: key log: it is in line 1 already\n  3 | log: {format: json}\n      ^"},
	{"no value", "log:\n  level:\n  format: text\n",
		"c.yaml:2:3: key log.level: no value: want debug, info, warn or error\n  2 | level:\n      ^"},
	{"null", "log:\n  level: ~\n", "c.yaml:2:3: key log.level: no value: want debug, info, warn or error\n"},
	{"null in a list", "time: {ntp_servers: [null]}\n", "c.yaml:1:22: key time.ntp_servers: want a list of single values\n"},
	{"empty section", "log:\ntime:\n  source: rtc\n", "c.yaml:1:1: key log: nothing below it: add keys, or remove it\n  1 | log:\n      ^"},
	{"section is a value", "log: debug\n", "c.yaml:1:6: key log: want keys below it, such as level\n  1 | log: debug\n           ^"},
	{"section is a list", "log:\n- level: info\n", "c.yaml:2:1: key log: want keys below it, such as level\n"},
	{"value is a section", "log: {level: {a: b}}\n", "c.yaml:1:14: key log.level: want debug, info, warn or error\n"},
	{"value is a list", "log: {level: [info]}\n", "c.yaml:1:14: key log.level: want debug, info, warn or error\n"},
	{"list is a value", "time: {ntp_servers: pool.ntp.org}\n",
		"c.yaml:1:21: key time.ntp_servers: want a list, such as [pool.ntp.org, time.google.com]\n"},
	{"list in a list", "time: {ntp_servers: [[a]]}\n", "c.yaml:1:22: key time.ntp_servers: want a list of single values\n"},
	{"item of a list", "time:\n  ntp_servers:\n  - pool.ntp.org\n  - 'ntp org'\n",
		"c.yaml:4:5: key time.ntp_servers: want a server HOST or HOST:PORT, such as pool.ntp.org\n  4 | - 'ntp org'\n        ^"},
	{"two items in one", "time: {ntp_servers: ['a,b']}\n", "c.yaml:1:22: key time.ntp_servers: want a list of single values\n"},
	{"too many items", "time: {ntp_servers: [a,a,a,a,a,a,a,a,b]}\n", "c.yaml:1:38: key time.ntp_servers: want up to 8 servers\n"},

	{"no unit", "ota:\n  check_interval: 24\n",
		"c.yaml:2:19: key ota.check_interval: a duration needs a unit, such as 24h\n  2 | check_interval: 24\n                      ^"},
	{"no unit in quotes", "ota: {stall: '5'}\n", "c.yaml:1:14: key ota.stall: a duration needs a unit, such as 5s\n"},
	{"wrong unit", "ota: {deadline: 1d}\n", "c.yaml:1:17: key ota.deadline: want a duration from 1s to 24h (units ms, s, m, h)\n"},
	{"too short", "ota: {stall: 0}\n", "c.yaml:1:14: key ota.stall: want a duration from 100ms to 5m (units ms, s, m, h)\n"},
	{"too long", "ota: {check_interval: 8761h}\n", "c.yaml:1:23: key ota.check_interval: want 0 for never, or a duration from 1m to 8760h (units ms, s, m, h)\n"},
	{"negative", "health: {settle: -1s}\n", "c.yaml:1:18: key health.settle: want a duration from 0s to 1h (units ms, s, m, h)\n"},
	{"not a bool", "ota: {auto_install: yes}\n", "c.yaml:1:21: key ota.auto_install: want true or false\n"},
	{"loud bool", "ota: {auto_install: True}\n", "c.yaml:1:21: key ota.auto_install: want true or false\n"},
	{"quoted bool", "ota: {auto_install: 'true'}\n", "c.yaml:1:21: key ota.auto_install: want true or false, without quotes\n"},
	{"quoted number", "health: {attempts: \"3\"}\n", "c.yaml:1:20: key health.attempts: want a number from 1 to 10, without quotes\n"},
	{"too many", "health: {attempts: 11}\n", "c.yaml:1:20: key health.attempts: want a number from 1 to 10\n"},
	{"leading zero", "health: {attempts: 03}\n", "c.yaml:1:20: key health.attempts: want a number from 1 to 10\n"},
	{"fraction", "board: {leds_bus: 1.0}\n", "c.yaml:1:19: key board.leds_bus: want the number N of a /dev/i2c-N\n"},
	{"octal address", "board: {adc: {address: 0110}}\n", "c.yaml:1:24: key board.adc.address: want an address from 0x48 to 0x4b\n"},
	{"other chip's address", "board: {adc: {address: 0x50}}\n", "c.yaml:1:24: key board.adc.address: want an address from 0x48 to 0x4b\n"},
	{"channel", "board: {adc: {channel: 4}}\n", "c.yaml:1:24: key board.adc.channel: want a number from 0 to 3\n"},
	{"pin", "board: {lamps: {net: GPIO 17}}\n", "c.yaml:1:22: key board.lamps.net: want nothing, or a pin by the kernel's name such as GPIO17\n"},
	{"command", "button: {command: set_time}\n", "c.yaml:1:19: key button.command: want nothing, or the name of a command without arguments: restart, "},
	{"program", "hooks: {reset_wifi: bin/forget}\n", "c.yaml:1:21: key hooks.reset_wifi: want nothing, or the absolute path of a program\n"},
	{"name", "device: {name: Küche}\n", "c.yaml:1:16: key device.name: want 1 to 31 letters, digits, _ or -\n"},
	{"long name", "device: {name: " + strings.Repeat("a", 32) + "}\n", "c.yaml:1:16: key device.name: want 1 to 31 letters, digits, _ or -\n"},
	{"wildcard", "mqtt: {topic_prefix: home/#}\n", "c.yaml:1:22: key mqtt.topic_prefix: want a topic without wildcards such as home\n"},
	{"zone", "device: {timezone: Europe/Wien}\n", "c.yaml:1:20: key device.timezone: want a time zone such as Europe/Vienna\n"},
	{"listen without port", "http: {listen: localhost}\n", "c.yaml:1:16: key http.listen: want an address HOST:PORT to listen on, such as 127.0.0.1:8080\n"},
	{"listen at a misspelt address", "broker: {listen: 192.168.1.300:1883}\n", "c.yaml:1:18: key broker.listen: want an address HOST:PORT to listen on, such as 127.0.0.1:8080\n"},
	{"two lines", "mqtt: {username: \"a\\nb\"}\n", "c.yaml:1:18: key mqtt.username: want up to 256 printable characters\n"},

	{"another scheme", "mqtt: {url: http://a}\n", "c.yaml:1:13: key mqtt.url: want embedded, off, or a URL mqtts://HOST[:PORT]; mqtt, tcp, ssl and tls are schemes, too\n"},
	{"a path", "mqtt: {url: mqtt://a/b}\n", "c.yaml:1:13: key mqtt.url: want embedded, off, or a URL mqtts://HOST[:PORT]; "},
	{"a port too high", "mqtt: {url: 'mqtt://a:65536'}\n", "c.yaml:1:13: key mqtt.url: want embedded, off, or a URL mqtts://HOST[:PORT]; "},
	{"a colon without port", "mqtt: {url: 'mqtt://a:'}\n", "c.yaml:1:13: key mqtt.url: want embedded, off, or a URL mqtts://HOST[:PORT]; "},
	{"a long path", "chimes: {folder: " + strings.Repeat("x", 4097) + "}\n", "c.yaml:1:18: key chimes.folder: want the path of a folder, or nothing\n"},
	{"relative URL", "ota: {sources: {github: {image: /wordclock.bin}}}\n", "c.yaml:1:33: key ota.sources.github.image: want a URL https://HOST/PATH, without user, ? and #\n"},
	{"query", "ota: {sources: {github: {image: \"https://a/b?c\"}}}\n", "c.yaml:1:33: key ota.sources.github.image: want a URL https://HOST/PATH, without user, ? and #\n"},
	{"http", "ota:\n  sources:\n    cloudflare:\n      manifest: http://a/b\n",
		"c.yaml:4:17: key ota.sources.cloudflare.manifest: want https, or ota.allow_http: true\n  4 | manifest: http://a/b\n                ^"},
	{"password without user", "mqtt: {password_file: p}\n", "c.yaml:1:23: key mqtt.password_file: want mqtt.username with it\n"},
	{"broker for everybody", "mqtt: {username: u}\nbroker: {listen: 0.0.0.0:1883}\n", "c.yaml:2:18: key broker.listen: want mqtt.username and mqtt.password_file: whoever reaches the broker could command the clock\n"},
	{"certificate without key", "mqtt: {cert_file: p}\n", "c.yaml:1:19: key mqtt.cert_file: want mqtt.key_file with it\n"},
	{"one pin for two", "board: {button_pin: GPIO4, lamps: {time: GPIO4}}\n", "c.yaml:1:42: key board.lamps.time: want another pin, as board.button_pin is this one\n"},
	{"nobody to ask", "time: {source: ntp, ntp_servers: []}\n", "c.yaml:1:34: key time.ntp_servers: want a server, as time.source is ntp\n"},

	{"a tab", "log:\n\tlevel: info\n", "c.yaml:2:1: a tab: indent with spaces\n  2 |  level: info\n      ^"},
	{"no mapping", "- a\n", "c.yaml:1:1: want keys and values, such as device: {name: Clock}\n"},
	{"a word", "wordclock\n", "c.yaml:1:1: want keys and values, such as device: {name: Clock}\n"},
	{"null file", "null\n", "c.yaml:1:1: want keys and values, such as device: {name: Clock}\n"},
	{"two documents", "log: {level: info}\n---\nlog: {level: warn}\n", "c.yaml:2:1: a second document: want one\n"},
	{"two documents, the first of which ends", "log: {level: info}\n...\nlgo: {level: warn}\n", "c.yaml:3:1: a second document: want one\n"},
	{"an anchor", "log: &a {level: info}\n", "c.yaml:1:6: an anchor: want plain keys and values\n"},
	{"an alias", "log: *a\n", "c.yaml:1:6: an alias: want plain keys and values\n"},
	{"a merge", "<<: {log: {}}\n", "c.yaml:1:1: a merge key: want plain keys and values\n"},
	{"a tag", "log: {level: !!str info}\n", "c.yaml:1:14: a tag: want plain keys and values\n"},
	{"a block", "log:\n  level: |\n    info\n", "c.yaml:2:10: a block of text: want plain keys and values\n"},
	{"a directive", "%YAML 1.2\n---\nlog: {}\n", "c.yaml:1:1: a directive: want plain keys and values\n"},
	{"an open brace", "log: {level: info\n", "c.yaml:1:6: could not find flow mapping end token '}'\n"},
	{"an open quote", "log: {level: 'info}\n", "c.yaml:1:14: could not find end character of single-quoted text\n"},
	{"a stray value", "log:\n  level: info\n   format: text\n", "c.yaml:2:10: "},
	{"too deep", strings.Repeat("[", 1000), "c.yaml:1:9: too much or too deep for a configuration\n"},
	{"too deep in lines", strings.Repeat("- ", 1000), "c.yaml:1:3: too much or too deep for a configuration\n"},
	{"too much", strings.Repeat("a: b\n", 5000), "c.yaml:1366:2: too much or too deep for a configuration\n"},
	{"not UTF-8", "log: {}\n# \xff\n", "c.yaml:2:1: want UTF-8\n"},
	{"a NUL", "log: \x00\n", "c.yaml:1:6: character U+0000: want text\n"},
	{"Windows lines", "log:\r\n  levle: info\r\n", "c.yaml:2:3: key log.levle: no such key, the nearest is log.level\n  2 | levle: info\n      ^"},
	{"a byte order mark", "\ufefflgo: {level: info}\n", "c.yaml:1:1: key lgo: no such section, the nearest is log\n  1 | lgo: {level: info}\n      ^"},
	{"behind letters of two bytes", "log: {level: 'ü', format: ö}\n", "c.yaml:1:27: key log.format: want auto or text or json\n  1 | log: {level: 'ü', format: ö}\n                                ^"},
}

func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			l, err := Parse("c.yaml", []byte(m.file), nil)
			if err == nil || l != nil {
				t.Fatalf("configuration %v, error %v, want an error alone", l, err)
			}
			if !strings.Contains("\n"+err.Error()+"\n", "\n"+m.want) {
				t.Errorf("got\n%s\nwant\n%s", err, m.want)
			}
		})
	}
}

// TestAllMistakes holds that a user need not mend one to be told the next.
func TestAllMistakes(t *testing.T) {
	_, err := Parse("c.yaml", []byte("log:\n  level: loud\n  fromat: text\ntime: {source: gps}\n"),
		[]string{"WORDCLOCKD_BOARD_KIND=arduino"}, Flag{"--http", "http.listen", "80"}, Flag{"--htpp", "http.lisen", "80"})
	const want = `c.yaml:2:10: key log.level: want debug, info, warn or error
  2 | level: loud
             ^
c.yaml:3:3: key log.fromat: no such key, the nearest is log.format
  3 | fromat: text
      ^
c.yaml:4:16: key time.source: want auto or host or ntp or rtc
  4 | time: {source: gps}
                     ^
--htpp: key http.lisen: no such key, the nearest is http.listen
WORDCLOCKD_BOARD_KIND="arduino": want sim or linux
--http "80": want an address HOST:PORT to listen on, such as 127.0.0.1:8080`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestErrorPlace holds what programs are told.
func TestErrorPlace(t *testing.T) {
	_, err := Parse("c.yaml", []byte("log:\n  level: loud\n"), nil)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Key != "log.level" || e.Origin != (Origin{File: "c.yaml", Line: 2, Column: 10}) || e.Err.Error() != "want debug, info, warn or error" {
		t.Errorf("error %#v", e)
	}
}

// TestNoSecretIsPrinted holds it for those that are where they do not belong.
func TestNoSecretIsPrinted(t *testing.T) {
	const s = "hunter2"
	for _, file := range []string{
		"mqtt:\n  url: mqtts://clock:" + s + "@broker.example\n",
		"mqtt:\n  url: mqtts://clock:p/" + s + "@broker.example\n",
		"mqtt:\n  url: clock:" + s + "@broker.example\n",
		"mqtt: {url: clock:" + s + "@broker.example, cert_file: 'https://b@c'}\n",
		"mqtt:\n  password: " + s + "\n",
		"mqtt: {Password: " + s + ", urll: off}\n",
		"mqtt: {\"password\": \"" + s + "\", urll: off}\n",
		"http:\n  access_token:    '" + s + "'\n",
		"ota: {sources: {github: {manifest: 'https://u:" + s + "@a/b'}}}\n",
		"mqtt:\n  password: \"" + s + "\n",
	} {
		if _, err := Parse("c.yaml", []byte(file), nil); err == nil || strings.Contains(err.Error(), s) {
			t.Errorf("%q: error %v", file, err)
		}
	}
	for _, v := range []string{"MQTT_PASSWORD=" + s, "MQTT_PASSWRD=" + s, "MQTT_PASSWORD=" + s + "\n", "MQTT_URL=mqtt://a:" + s + "@b", "OTA_SOURCES_GITHUB_IMAGE=https://" + s + "@b/c"} {
		if _, err := Read([]string{prefix + v}); err == nil || strings.Contains(err.Error(), s) {
			t.Errorf("%s: error %v", v, err)
		}
	}
}

// TestExcerptOfLongLine holds that the mark is below what it means.
func TestExcerptOfLongLine(t *testing.T) {
	line := "log: {level: info, format: " + strings.Repeat(" ", 300) + "xml} # " + strings.Repeat("z", 300)
	_, err := Parse("c.yaml", []byte(line), nil)
	_, excerpt, _ := strings.Cut(err.Error(), "\n")
	shown, mark, _ := strings.Cut(excerpt, "\n")
	if i := strings.Index(shown, "xml"); len(shown) > 90 || i < 0 || i != strings.Index(mark, "^") {
		t.Errorf("excerpt\n%s", excerpt)
	}
}
