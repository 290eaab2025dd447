package mqttbridge

const docsIntro = `# MQTT

The clock publishes what it shows and how it is, and takes commands and settings, through an
MQTT broker. Topics, words and payloads are those of the old clock, so that automations go
on working; what was wrong with them is mended. How the clock appears in Home Assistant by
itself, without any of this, is in [homeassistant.md](homeassistant.md).

All topics begin with ` + "`home/DEVICE/`" + `, of the configuration's ` + "`mqtt.topic_prefix`" + ` and
` + "`device.name`" + `; what follows leaves that out. To try it with the broker that a virtual clock
brings along:

` + "```sh" + `
mosquitto_sub -v -t 'home/Clock_Stani_1/#'
mosquitto_pub -t home/Clock_Stani_1/command -m ota_check_update
mosquitto_pub -t home/Clock_Stani_1/brightness/set -m '{"individual":60}'
` + "```" + `

## Connection

MQTT 3.1.1 with a clean session, a keepalive of 60 s and TLS from version 1.2 on, all of it
by the keys ` + "`mqtt.*`" + ` of [the configuration](configuration.md). The client id is the device's id
in Home Assistant: ` + "`DEVICE_XXXXXX`" + `. No two clients may have the same.

When a connection is up, this comes in this order: the clock subscribes; it announces itself
to Home Assistant; it publishes all its states, in the order of the table below; then
` + "`availability`" + ` is ` + "`online`" + `, and ` + "`status`" + ` says ` + "`connected_secure`" + `. Whoever waits for ` + "`online`" + `
finds everything there. The broker says ` + "`offline`" + ` when the connection is lost, and the clock
itself does when it ends. It connects again without end, after 2 s at first and at most
` + "`mqtt.reconnect`" + ` later.
`

const docsPublished = `
Payloads are compact JSON, or text. Times are UTC. Each state is published as a whole,
whatever changed it – a command, the command line, a sensor – and at most twice a second; the
newest value always comes. An update's changes of state and its progress do not wait.

Nothing is queued while there is no connection: the states are published anew with the next.
`

const docsTaken = `
Payloads are read strictly, from exactly the bytes that came: UTF-8, at most 4096 bytes, JSON
nested at most 8 deep, no key twice, no key that is not in the table. What makes no sense is
refused as a whole, and ` + "`result`" + ` says what is at fault. JSON may be partial: what it leaves
out stays as it is. Keys in objects may be written as one with points: ` + "`{\"potentiometer.curve_type\":\"linear\"}`" + `.
Numbers are numbers; ` + "`\"60\"`" + ` is none, ` + "`60.0`" + ` is. An object may have a further key ` + "`id`" + `, which
` + "`result`" + ` repeats.

What a clock does not have can be set all the same: it is stored, and a note on ` + "`result`" + ` says
that it has no effect.
`

const docsStatus = `
## What status says

` + "`status`" + ` speaks in the words of the old clock. Beside those that answer commands and settings
it says:

| what | when |
| --- | --- |
| ` + "`connected_secure`" + ` | a connection is up |
| ` + "`{\"status\":\"heartbeat\",…}`" + ` | each minute, and after ` + "`force_ntp_sync`" + `: ` + "`wifi_connected`, `ntp_synced`" + `; if it is synced ` + "`last_ntp_sync`, `next_sync_expected`" + ` (Unix seconds), ` + "`seconds_since_sync`" + ` and ` + "`last_sync_time`" + ` (local time) |
| ` + "`ota_complete`" + ` | new firmware is installed, and started in a moment |
| ` + "`ota_validated`" + ` | new firmware was examined, and stays |
| ` + "`{\"event\":\"ota_rolled_back\",\"from\",\"to\",\"reason\"}`" + ` | new firmware was given up, and the one before it runs again |
| ` + "`{\"event\":\"ota_update_failed\",\"error\",\"cause\",\"source\"}`" + ` | an update failed |
| ` + "`ota_up_to_date`" + ` | an update found nothing newer |
| ` + "`ota_check_failed`" + ` | no source had a valid answer, also when the clock looked by itself |
| ` + "`tlc_auto_recovery_start`" + `, then ` + "`tlc_auto_recovery_success` or `tlc_auto_recovery_partial`" + ` | LED drivers lost their power, and were set up again: all of them, or not |
| ` + "`Recovery check: failure=N (TYPE)`" + ` | the LEDs were read back after a change of the words, or of the minute LEDs with another outcome: number and name of what was wrong, ` + "`0 (NONE)`" + ` if nothing was |
| ` + "`recovery_starting`" + `, then ` + "`validation_recovery_success` or `validation_recovery_failed`" + ` | a read-back found something wrong, which was written again: all is well then, or not |
| ` + "`unknown_command`" + ` | what came on ` + "`command`" + ` is none |

What says what a request came to is ` + "`result`" + `: it answers each of them, with its ` + "`id`" + `; of
those that are beyond the [limits](#limits), one a second.

## What events says

` + "`events`" + ` has the same for Home Assistant, and what happens beside that:

| event_type | when |
| --- | --- |
| ` + "`ota_complete`, `ota_validated`, `ota_rolled_back`" + ` | as on ` + "`status`" + ` |
| ` + "`ota_failed`" + ` | an update failed; ` + "`reason`" + ` is the cause |
| ` + "`ota_update_available`" + ` | newer firmware was found, once for each version |
| ` + "`surge`" + ` | LED drivers lost their power, and were set up again |

What happens while there is no connection is told with the next, of each kind the newest, if
the clock was not restarted meanwhile. A rollback is told by the start that follows it, once.
`

const docsCommands = `
## Commands

A command is published to ` + "`command`" + ` as text, exactly as it stands here, or as JSON:

` + "```" + `
ota_check_update                                                                    # as text
{"command":"ota_check_update"}                                                      # as JSON
{"command":"ota_check_update","parameters":{"source":"cloudflare","only":true},"id":7}  # with parameters
` + "```" + `

Each has both forms, but what has no text form for its parameters needs JSON for them. The old
clock's JSON commands keep its answers: ` + "`status`" + ` and ` + "`set_brightness`" + ` are answered on ` + "`status`" + `
by ` + "`{\"result\":{…}}`" + `, ` + "`restart`" + ` by ` + "`json_restart_initiated`" + `. What a command that this clock cannot
carry out says is in the last column; why, ` + "`result`" + ` says.
`

const docsParameters = `
### Parameters
`

const docsRest = `
## Limits

| what | limit | beyond it |
| --- | --- | --- |
| payload | 4096 bytes | refused; more of it is not even kept |
| all commands together | 5 a second, 20 at once | not carried out |
| ` + "`restart`, `reset_wifi`, `tlc_hardware_reset`, `ota_check_update`, `ota_start_update`, `ota_force_update`, `ota_confirm`, `ota_rollback`" + ` | each one in 10 s, two at once | not carried out |
| slow commands | 4 at a time, each for 2 min | refused as busy; given up |
| what anything else takes | 30 s | given up |
| all messages on other topics | 10 a second, 50 at once | they wait for their turn: of each topic 32 at once, and 3 in a flood; the oldest give way |

So a slider ends where it was left, however many messages it sends, and a scene may set
everything at once. Who is held off is told so on ` + "`result`" + `, once a second.

Slow are ` + "`ota_check_update`, `ota_cancel_update`, `ota_confirm`, `ota_rollback`, `health_check`, `force_ntp_sync`" + `,
` + "`refresh_sensors`, `reset_wifi`, `set_time`, `tlc_hardware_reset`, `test_audio`, `test_audio_file` and `chimes_test…`" + `. The
others need not wait for them, and are carried out in the order in which they came.

## Messages that come late, twice, or again

- A **retained** message on a topic that is taken is ignored, and logged once: somebody meant it
  long ago, and it would come again with each connection. ` + "`mosquitto_pub -r -n -t TOPIC`" + ` removes it.
- What is published while the clock is **not connected** is lost: its session is clean. Whoever
  waits for ` + "`availability`" + ` or for ` + "`result`" + ` knows.
- A message that comes **twice**, as QoS 1 allows, is carried out twice. Settings are absolute:
  nothing comes of it but a second answer.
- Answers and states are on different topics: their order among each other is not promised.

## Access

Whoever may publish to the clock's topics can command it. A broker that others use needs
passwords, TLS, and rules that let only those who should publish to ` + "`command`" + ` and to what ends
in ` + "`/set`, `/get`, `/reset`, `/query` or `/clear`" + `. Passwords come from files of their own or
the environment, and are neither logged nor published.

## From the old clock

All its topics, payloads, commands and words are here. What is different:

- Topics are published that its documents had and it had not: ` + "`light/state`, `light/set`" + `; and new ones:
  ` + "`update/state`, `result`, `events`, `problems`, `health`, `system`, `face/state`, `face/image`" + `,
  ` + "`night/status`, `night/set`, `validation/config`, `validation/set`" + `.
- ` + "`sensors/status`" + ` is retained. ` + "`transition/status`" + ` and ` + "`brightness/status`" + ` follow each change.
- ` + "`transition/set`, `brightness/set`, `brightness/config/set`" + ` are JSON and nothing else; what was
  ignored in silence is refused. Transitions are stored.
- The zones in ` + "`brightness/config/status`" + ` have a ` + "`brightness_max`" + `, and all of it can be sent back to
  ` + "`brightness/config/set`" + `. Setting ` + "`brightness`" + ` alone no longer flattens the zone.
- The least level of ` + "`individual` and `global`" + ` is 5, on topics and in commands alike.
- ` + "`error_log/clear`" + ` takes its two words exactly, and ` + "`chimes_volume_`" + ` a number.
- ` + "`system_auto_restart`" + ` is not said: the clock does not restart itself because of its LEDs.
- ` + "`validation/statistics`" + ` counts over the last 24 hours, and not since the start.
- ` + "`brightness/status`" + ` has the levels that are in force, and what they come from. A level that is set
  holds until the knob or the light moves, and is not overwritten within seconds.
- ` + "`ota_get_version`" + ` and a new connection ask no source. ` + "`ota_force_update`" + ` skips nothing but the
  comparison of versions.
- ` + "`ota/progress`" + ` has QoS 0, and tells each step to the end.
- ` + "`ntp/last_sync`" + ` is ` + "`None`" + ` before the first time. Times in the error log are UTC.
- ` + "`set_time`" + ` leaves the date alone, and is refused while time servers are heard.
- ` + "`reset_wifi`" + ` runs the program of ` + "`hooks.reset_wifi`" + ` and says so when that has ended well, else
  ` + "`wifi_reset_failed`" + `; ` + "`wifi_reset_not_available`" + ` without one.
- Lists of files are answered on ` + "`result`" + `; ` + "`status`" + ` has no free text but ` + "`Recovery check: …`" + `.
- Retained commands, long payloads and floods do no harm.
`
