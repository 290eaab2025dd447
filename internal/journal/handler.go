package journal

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"wordclockd/internal/clock"
)

// An event is what the journal knows of the log's events: whose they are, and
// the code that stands for them. Codes are never given twice.
type event struct {
	code   uint16
	origin clock.Origin
	keep   keeping
}

// A keeping is which events go into the journal. It has few entries: what went well is
// for the log, and so is what another entry says too.
type keeping uint8

const (
	troubles keeping = iota // warnings and what is worse
	always
	never // another entry says it
)

// keeps reports whether an event of a level goes into the journal.
func (k keeping) keeps(l slog.Level) bool { return k == always || k == troubles && l >= slog.LevelWarn }

// Codes below 100 are the firmware's own, of its LED validation: the numbers of
// [clock.FailureType].
var events = map[string]event{
	"validation_hardware":   {uint16(clock.HardwareFault), clock.OriginValidation, troubles},
	"validation_bus":        {uint16(clock.BusFailure), clock.OriginValidation, troubles},
	"validation_systematic": {uint16(clock.SystematicMismatch), clock.OriginValidation, troubles},
	"validation_partial":    {uint16(clock.PartialMismatch), clock.OriginValidation, troubles},
	"validation_group":      {uint16(clock.GroupMismatch), clock.OriginValidation, troubles},
	"validation_software":   {uint16(clock.SoftwareError), clock.OriginValidation, troubles},

	"boot":              {100, clock.OriginSystem, troubles},
	"restart":           {101, clock.OriginSystem, troubles},
	"crash":             {108, clock.OriginSystem, troubles},
	"panic":             {109, clock.OriginSystem, troubles},
	"journal_unstored":  {110, clock.OriginSystem, troubles},
	"settings_unstored": {102, clock.OriginSystem, troubles},
	"settings_invalid":  {103, clock.OriginSystem, troubles},
	"store_lost":        {104, clock.OriginSystem, troubles},
	"store_replaced":    {105, clock.OriginSystem, troubles},
	"config_unused":     {106, clock.OriginSystem, troubles},

	"flash_made":      {120, clock.OriginSystem, troubles},
	"flash_io":        {121, clock.OriginSystem, troubles},
	"fuses_replaced":  {122, clock.OriginSystem, troubles},
	"table_damaged":   {133, clock.OriginSystem, troubles},
	"table_mended":    {123, clock.OriginSystem, troubles},
	"hung_before":     {131, clock.OriginSystem, troubles},
	"state_read_only": {132, clock.OriginSystem, troubles},
	"image_damaged":   {130, clock.OriginSystem, troubles},
	"hung":            {124, clock.OriginSystem, troubles},
	"rolled_back":     {125, clock.OriginSystem, troubles},
	"confirmed":       {126, clock.OriginSystem, always},
	"profile":         {127, clock.OriginSystem, troubles},
	"profile_ignored": {128, clock.OriginSystem, troubles},
	"profile_invalid": {129, clock.OriginSystem, troubles},

	"health_failed":    {140, clock.OriginSystem, troubles},
	"health_ok":        {141, clock.OriginSystem, always},
	"health_known_bad": {142, clock.OriginSystem, troubles},
	"trial_examined":   {143, clock.OriginSystem, never},
	"trial_rejected":   {144, clock.OriginSystem, troubles},
	"verdict_failed":   {145, clock.OriginSystem, troubles},

	"leds_out":      {207, clock.OriginDisplay, troubles},
	"leds_dark":     {200, clock.OriginBus, troubles},
	"leds_back":     {201, clock.OriginBus, always},
	"leds_hung":     {202, clock.OriginBus, troubles},
	"leds_free":     {203, clock.OriginBus, always},
	"leds_reset":    {204, clock.OriginPower, always},
	"leds_line":     {208, clock.OriginBus, troubles},
	"shared_bus":    {205, clock.OriginBus, troubles},
	"no_sensor_bus": {206, clock.OriginBus, troubles},

	"network_lost": {290, clock.OriginWiFi, troubles},
	"network_back": {291, clock.OriginWiFi, always},

	"time_known":   {300, clock.OriginNTP, troubles},
	"time_unknown": {301, clock.OriginNTP, troubles},
	"ntp_failed":   {302, clock.OriginNTP, troubles},
	"ntp_back":     {303, clock.OriginNTP, always},
	"ntp_differs":  {304, clock.OriginNTP, troubles},
	"ntp_agrees":   {305, clock.OriginNTP, always},
	"ntp_disagree": {306, clock.OriginNTP, troubles},
	"rtc_lost":     {310, clock.OriginSensor, troubles},
	"rtc_back":     {311, clock.OriginSensor, always},
	"rtc_set":      {312, clock.OriginSensor, always},
	"rtc_not_set":  {313, clock.OriginSensor, troubles},
	"rtc_drifts":   {314, clock.OriginSensor, troubles},
	"rtc_differs":  {315, clock.OriginSensor, troubles},
	"rtc_agrees":   {316, clock.OriginSensor, always},

	"sensor_lost": {320, clock.OriginSensor, troubles},
	"sensor_back": {321, clock.OriginSensor, always},
	"demo":        {322, clock.OriginDisplay, troubles},

	"button":        {330, clock.OriginSystem, always},
	"button_failed": {331, clock.OriginSystem, troubles},
	"hook":          {332, clock.OriginSystem, always},
	"hook_failed":   {333, clock.OriginSystem, troubles},
	"lamp_failed":   {334, clock.OriginSystem, troubles},
	"no_pin":        {335, clock.OriginSystem, troubles},
	"no_adc":        {336, clock.OriginSystem, troubles},

	"mqtt_up":          {500, clock.OriginMQTT, troubles},
	"mqtt_lost":        {501, clock.OriginMQTT, troubles},
	"mqtt_failed":      {502, clock.OriginMQTT, troubles},
	"mqtt_twin":        {503, clock.OriginMQTT, troubles},
	"mqtt_refused":     {504, clock.OriginMQTT, troubles},
	"mqtt_ignored":     {505, clock.OriginMQTT, troubles},
	"mqtt_flood":       {506, clock.OriginMQTT, troubles},
	"mqtt_command":     {507, clock.OriginMQTT, troubles},
	"mqtt_adopted":     {508, clock.OriginMQTT, always},
	"mqtt_migrated":    {509, clock.OriginMQTT, troubles},
	"mqtt_unadopted":   {510, clock.OriginMQTT, troubles},
	"broker_up":        {520, clock.OriginMQTT, troubles},
	"broker_elsewhere": {521, clock.OriginMQTT, troubles},
	"broker_client":    {522, clock.OriginMQTT, troubles},

	"ota_source_set":       {400, clock.OriginSystem, always},
	"ota_source_failed":    {401, clock.OriginSystem, troubles},
	"ota_check_failed":     {402, clock.OriginSystem, never},
	"ota_update_available": {403, clock.OriginSystem, troubles},
	"ota_sources_differ":   {404, clock.OriginSystem, troubles},
	"ota_newer_running":    {405, clock.OriginSystem, troubles},
	"ota_source_served":    {406, clock.OriginSystem, troubles},
	"ota_up_to_date":       {407, clock.OriginSystem, troubles},

	"ota_update_started":    {440, clock.OriginSystem, troubles},
	"ota_installed":         {441, clock.OriginSystem, troubles},
	"ota_update_failed":     {442, clock.OriginSystem, troubles},
	"ota_cancelled":         {443, clock.OriginSystem, troubles},
	"ota_started_over":      {444, clock.OriginSystem, troubles},
	"ota_known_bad":         {445, clock.OriginSystem, troubles},
	"ota_already_installed": {446, clock.OriginSystem, troubles},
	"ota_version_differs":   {447, clock.OriginSystem, troubles},
	"ota_interrupted":       {448, clock.OriginSystem, troubles},
	"ota_nothing_newer":     {449, clock.OriginSystem, troubles},
	"ota_next_check":        {450, clock.OriginSystem, troubles},

	"ota_fetch":          {420, clock.OriginSystem, troubles},
	"ota_fetch_failed":   {421, clock.OriginSystem, troubles},
	"ota_source_blamed":  {422, clock.OriginSystem, troubles},
	"ota_pieces_ignored": {423, clock.OriginSystem, troubles},
	"ota_resumed":        {424, clock.OriginSystem, troubles},
}

// Handler returns a handler that hands every record to next, and those that
// matter to the journal.
func (j *Journal) Handler(next slog.Handler) slog.Handler { return handler{next, j, nil} }

type handler struct {
	next  slog.Handler
	j     *Journal
	attrs []slog.Attr
}

// Enabled is true for what the journal wants, whatever the log's level.
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.next.Enabled(ctx, level)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(attrs), h.j, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.next.WithGroup(name), h.j, h.attrs}
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if e, ok := entryOf(r, h.attrs); ok {
		h.j.add(e)
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// entryOf returns the entry that a record makes; ok is false if it makes none.
func entryOf(r slog.Record, attrs []slog.Attr) (e clock.Entry, ok bool) {
	e.Message = text(r.Message, maxMessage)
	var details strings.Builder
	take := func(a slog.Attr) bool {
		if a.Key == "event" {
			e.Event = text(a.Value.String(), maxEvent)
		} else {
			appendDetail(&details, a)
		}
		return true
	}
	for _, a := range attrs {
		take(a)
	}
	r.Attrs(take)
	e.Details = text(details.String(), maxDetails)
	known := events[e.Event]
	e.Code, e.Origin, e.Severity = known.code, known.origin, severity(r.Level)
	if known.code == 0 {
		e.Origin = clock.OriginSystem
	}
	return e, known.keep.keeps(r.Level)
}

func appendDetail(b *strings.Builder, a slog.Attr) {
	if b.Len() >= maxDetails {
		return
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	value := a.Value.Resolve().String()
	if value == "" || strings.ContainsAny(value, " \"=\n\t") {
		value = strconv.Quote(value)
	}
	fmt.Fprintf(b, "%s=%s", a.Key, value)
}

// Critical is the level of what ends the clock.
const Critical = slog.LevelError + 4

func severity(l slog.Level) clock.Severity {
	switch {
	case l >= Critical:
		return clock.SeverityCritical
	case l >= slog.LevelError:
		return clock.SeverityError
	case l >= slog.LevelWarn:
		return clock.SeverityWarning
	}
	return clock.SeverityInfo
}
