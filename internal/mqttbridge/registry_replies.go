package mqttbridge

// replies are the topics on which the clock says what happens. The broker keeps none of
// it, but for whether the clock is there.
var replies = []topic{
	{
		path: "availability", qos: 1, retain: true, doc: "Whether the clock is there.", when: "`online` when a connection is up and all states are out; `offline` when the clock ends, and by the broker when the connection is lost",
		text: "`online` or `offline`", sample: "online",
	},
	{
		path: statusPath, qos: 1, doc: "Answers to commands in the old clock's words, a heartbeat, and what happens.", when: "as [below](#what-status-says)",
		text: "a token, or JSON", sample: "connected_secure",
	},
	{
		path: resultPath, qos: 1, doc: "What each request came to.", when: "after each message on `command` and on a topic that sets or asks something",
		keys: []key{
			{name: "id", takes: "as it was given", doc: "the `id` of the request, if that is a text, number or boolean of up to 64 bytes; else null"},
			{name: "command", takes: "text", doc: "name of the command, or path of the topic"},
			{name: "ok", takes: "boolean", doc: "it was carried out"},
			{name: "error", takes: "text", doc: "why it was not; begins with what is at fault"},
			{name: "note", takes: "text", doc: "what is not quite as asked for; left out if there is nothing to note"},
			{name: "answer", takes: "any", doc: "what the command answers with; left out if it has no answer"},
		},
		sample: `{"id":7,"command":"set_config","ok":true,"error":""}`,
	},
	{
		path: eventsPath, qos: 1, doc: "What happens to the firmware and the LEDs, for Home Assistant's `event` entity.", when: "as [below](#what-events-says)",
		keys: []key{
			{name: "event_type", takes: "`ota_complete`, `ota_validated`, `ota_rolled_back`, `ota_failed`, `ota_update_available`, `surge`", doc: "what happened"},
			{name: "from", takes: "text", doc: "version that ran before; these four are left out where they do not apply"},
			{name: "to", takes: "text", doc: "version that runs, will run, or can be had"},
			{name: "reason", takes: "text", doc: "why, as a word"},
			{name: "text", takes: "text", doc: "why, for people"},
		},
		sample: `{"event_type":"ota_rolled_back","from":"2.12.0","to":"2.11.3","reason":"crashed","text":"panic: index out of range"}`,
	},
	{
		path: logResponse, qos: 1, doc: "Entries of the error journal.", when: "after a message on `error_log/query`",
		keys: []key{
			{name: "entries", takes: "array of objects", doc: "the newest first: `timestamp` (UTC; empty if the clock did not know it), `uptime_sec`, `source`, `severity`, `code`, `message`, `event`, `details`; for `LED_VALIDATION` a `context` of `mismatch_count`, `failure_type`, `affected_rows`"},
			{name: "count", takes: "integer", doc: "how many these are"},
			{name: "requested", takes: "integer, 1 to 50", doc: "how many were asked for"},
		},
		sample: `{"entries":[{"timestamp":"2025-11-15T10:46:40Z","uptime_sec":120,"source":"I2C_BUS","severity":"ERROR","code":200,"message":"LED drivers do not answer","event":"leds_dark","details":"rows=[3]"}],"count":1,"requested":10}`,
	},
}
