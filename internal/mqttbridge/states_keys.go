package mqttbridge

var progressKeys = []key{
	{name: "state", takes: "`idle`, `checking`, `downloading`, `verifying`, `flashing`, `complete`, `failed`", doc: "what is done"},
	{name: "progress", takes: "integer, 0 to 100", doc: "how much of the image is there"},
	{name: "bytes", takes: "integer", doc: "the same in bytes"},
	{name: "source", takes: "`github`, `cloudflare`, `file` or empty", doc: "who delivers it"},
	{name: "error", takes: "text", doc: "one of the old clock's texts, such as `Checksum mismatch`; empty if nothing is wrong"},
	{name: "cause", takes: "text", doc: "what exactly, such as `wrong_bytes`"},
	{name: "progress_percent", takes: "integer, 0 to 100", doc: "as `progress`"},
	{name: "bytes_downloaded", takes: "integer", doc: "as `bytes`"},
	{name: "total_bytes", takes: "integer", doc: "size of the image; 0 before it is known"},
	{name: "time_elapsed_ms", takes: "integer, ms", doc: "since the update began"},
	{name: "time_remaining_ms", takes: "integer, ms", doc: "an estimate; 0 if there is none"},
	{name: "version", takes: "text", doc: "of the image; empty before it is known"},
}

var versionKeys = []key{
	{name: "version", takes: "text", doc: "of the image that runs"},
	{name: "build_date", takes: "`YYYY-MM-DD`", doc: "when it was built; empty if it does not say"},
	{name: "build_time", takes: "`HH:MM:SS`", doc: "and at what time"},
	{name: "source", takes: "`github`, `cloudflare`, `file` or empty", doc: "who served it; empty if nobody knows"},
	{name: "health", takes: "`validated`, `trial`, `rollback_pending`, `rolled_back`", doc: "confirmed; yet to be judged; rejected, the other one starts in a moment; back, as a newer one was given up"},
	{name: "boot_count", takes: "integer", doc: "starts since it was confirmed, or came back"},
	{name: "first_boot", takes: "boolean", doc: "it is on trial"},
	{name: "rollback_reason", takes: "`crashed`, `hung`, `power_lost`, `never_confirmed`, `check_failed`, `user`, `image_invalid` or empty", doc: "why the newer one was given up"},
	{name: "current_version", takes: "text", doc: "as `version`"},
	{name: "current_binary_hash", takes: "8 hex digits, or empty", doc: "the first ones of its digest"},
	{name: "current_build_date", takes: "text", doc: "the date as the compiler wrote it"},
	{name: "current_idf_version", takes: "text", doc: "of ESP-IDF"},
	{name: "current_size_bytes", takes: "integer", doc: "size of the image; 0 if it is not known"},
	{name: "available_version", takes: "text", doc: "of newer firmware; this and the next three are left out if there is none"},
	{name: "available_binary_hash", takes: "8 hex digits, or empty", doc: "the first ones of its SHA-256"},
	{name: "available_build_date", takes: "text", doc: "as its manifest has it"},
	{name: "available_size_bytes", takes: "integer", doc: "its size"},
	{name: "update_available", takes: "boolean", doc: "whether the last look at the sources found newer firmware"},
	{name: "running_partition", takes: "`ota_0`, `ota_1`, …, `factory`, `unknown`", doc: "where the image lies that runs"},
}

var systemKeys = []key{
	{name: "version", takes: "text", doc: "of the image that runs"},
	{name: "board", takes: "`sim` or `linux`", doc: "what the clock runs on"},
	{name: "boot", takes: "integer", doc: "starts of the firmware, ever"},
	{name: "started", takes: "time, UTC", doc: "this one"},
	{name: "time_quality", takes: "`synced`, `holdover`, `rtc`, `unknown`", doc: "how far the time can be trusted"},
	{name: "time_source_error_ms", takes: "number, ms", doc: "how far off it may be"},
	{name: "network", takes: "boolean", doc: "there is a way out of the host"},
	{name: "broker", takes: "text", doc: "the broker that the clock is connected to"},
	{name: "losses", takes: "integer", doc: "connections that were lost since the start"},
	{name: "journal_total", takes: "integer", doc: "as `total_errors` of `error_log/stats`"},
	{name: "last_error", takes: "text", doc: "the newest warning or error of the journal; empty if there is none"},
	{name: "last_update_error", takes: "text", doc: "what went wrong with the last update; empty if nothing did"},
	{name: "last_update_cause", takes: "text", doc: "and what exactly"},
	{name: "demo", takes: "boolean", doc: "the face is that of `test_transitions_start`"},
}

var statsKeys = []key{
	{name: "total_entries_written", takes: "integer", doc: "entries ever"},
	{name: "current_entry_count", takes: "integer, 0 to 50", doc: "entries that are there"},
	{name: "buffer_capacity", takes: "`50`", doc: "entries that are kept"},
	{name: "head_index", takes: "integer, 0 to 49", doc: "where the next one goes"},
	{name: "total_errors", takes: "integer", doc: "entries since the counters were reset; so are those by source and severity"},
	{name: "errors_by_source", takes: "object of integers", doc: "`validation`, `i2c`, `wifi`, `mqtt`, `ntp`, `system`, `power`, `sensor`, `display`"},
	{name: "errors_by_severity", takes: "object of integers", doc: "`info`, `warning`, `error`, `critical`"},
	{name: "last_errors", takes: "object of times, UTC", doc: "by source, of those that had any"},
}

var resultKeys = []key{
	{name: "software_valid", takes: "boolean", doc: "what was sent is what was wanted"},
	{name: "hardware_valid", takes: "boolean", doc: "what was read back is what was sent"},
	{name: "hardware_faults", takes: "boolean", doc: "a driver does not answer"},
	{name: "grppwm_mismatch", takes: "boolean", doc: "the group level differs"},
	{name: "mismatches", takes: "integer", doc: "LEDs that differ"},
	{name: "failure_type", takes: "`NONE`, `HARDWARE_FAULT`, `I2C_BUS_FAILURE`, `SYSTEMATIC_MISMATCH`, `PARTIAL_MISMATCH`, `GRPPWM_MISMATCH`, `SOFTWARE_ERROR`", doc: "the verdict"},
	{name: "software_errors", takes: "integer", doc: "LEDs that were not sent as wanted"},
	{name: "hardware_read_failures", takes: "integer", doc: "LEDs that could not be read, 16 of each driver"},
	{name: "recovery", takes: "`success` or `failed`", doc: "whether all is well again; of a periodic one only"},
	{name: "validation_type", takes: "`post_transition`", doc: "of one after a change of the face only"},
}

var statisticsKeys = []key{
	{name: "total_validations", takes: "integer", doc: "read-backs; all of these are of the last 24 hours"},
	{name: "validations_failed", takes: "integer", doc: "those that failed"},
	{name: "health_score", takes: "integer, 0 to 100", doc: "how well the LEDs are"},
	{name: "consecutive_failures", takes: "integer", doc: "failures in a row, up to now"},
	{name: "recovery_attempts", takes: "integer", doc: "repairs that were tried"},
	{name: "recovery_successes", takes: "integer", doc: "those that helped"},
	{name: "hardware_fault_count", takes: "integer", doc: "failures of this type, and so the next ones"},
	{name: "i2c_bus_failure_count", takes: "integer", doc: "of the bus"},
	{name: "systematic_mismatch_count", takes: "integer", doc: "of more than a fifth of the LEDs"},
	{name: "partial_mismatch_count", takes: "integer", doc: "of single LEDs"},
	{name: "grppwm_mismatch_count", takes: "integer", doc: "of the group level"},
	{name: "software_error_count", takes: "integer", doc: "of the program"},
}
