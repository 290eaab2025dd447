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
// the code that stands for them. Codes are never given twice. Those that are
// kept go into the journal at any level.
type event struct {
	code   uint16
	origin clock.Origin
	kept   bool
}

// Codes below 100 are the firmware's own, of its LED validation.
var events = map[string]event{
	"boot":              {100, clock.OriginSystem, false},
	"restart":           {101, clock.OriginSystem, false},
	"crash":             {108, clock.OriginSystem, false},
	"panic":             {109, clock.OriginSystem, false},
	"journal_unstored":  {110, clock.OriginSystem, false},
	"settings_unstored": {102, clock.OriginSystem, false},
	"settings_invalid":  {103, clock.OriginSystem, false},
	"store_lost":        {104, clock.OriginSystem, false},
	"store_replaced":    {105, clock.OriginSystem, false},
	"config_unused":     {106, clock.OriginSystem, false},

	"flash_made":      {120, clock.OriginSystem, false},
	"flash_io":        {121, clock.OriginSystem, false},
	"fuses_replaced":  {122, clock.OriginSystem, false},
	"table_damaged":   {133, clock.OriginSystem, false},
	"table_mended":    {123, clock.OriginSystem, false},
	"hung_before":     {131, clock.OriginSystem, false},
	"state_read_only": {132, clock.OriginSystem, false},
	"image_damaged":   {130, clock.OriginSystem, false},
	"hung":            {124, clock.OriginSystem, false},
	"rolled_back":     {125, clock.OriginSystem, false},
	"confirmed":       {126, clock.OriginSystem, true},
	"profile":         {127, clock.OriginSystem, false},
	"profile_ignored": {128, clock.OriginSystem, false},
	"profile_invalid": {129, clock.OriginSystem, false},

	"health_failed":    {140, clock.OriginSystem, false},
	"health_ok":        {141, clock.OriginSystem, true},
	"health_known_bad": {142, clock.OriginSystem, false},
	"trial_examined":   {143, clock.OriginSystem, true},
	"trial_rejected":   {144, clock.OriginSystem, false},
	"verdict_failed":   {145, clock.OriginSystem, false},

	"leds_out":      {207, clock.OriginDisplay, false},
	"leds_dark":     {200, clock.OriginBus, false},
	"leds_back":     {201, clock.OriginBus, true},
	"leds_hung":     {202, clock.OriginBus, false},
	"leds_free":     {203, clock.OriginBus, true},
	"leds_reset":    {204, clock.OriginPower, true},
	"shared_bus":    {205, clock.OriginBus, false},
	"no_sensor_bus": {206, clock.OriginBus, false},

	"time_known":   {300, clock.OriginNTP, false},
	"time_unknown": {301, clock.OriginNTP, false},
	"ntp_failed":   {302, clock.OriginNTP, false},
	"ntp_back":     {303, clock.OriginNTP, true},
	"ntp_differs":  {304, clock.OriginNTP, false},
	"ntp_agrees":   {305, clock.OriginNTP, true},
	"ntp_disagree": {306, clock.OriginNTP, false},
	"rtc_lost":     {310, clock.OriginSensor, false},
	"rtc_back":     {311, clock.OriginSensor, true},
	"rtc_set":      {312, clock.OriginSensor, true},
	"rtc_not_set":  {313, clock.OriginSensor, false},
	"rtc_drifts":   {314, clock.OriginSensor, false},
	"rtc_differs":  {315, clock.OriginSensor, false},
	"rtc_agrees":   {316, clock.OriginSensor, true},

	"ota_source_set":       {400, clock.OriginSystem, true},
	"ota_source_failed":    {401, clock.OriginSystem, false},
	"ota_check_failed":     {402, clock.OriginSystem, false},
	"ota_update_available": {403, clock.OriginSystem, true},
	"ota_sources_differ":   {404, clock.OriginSystem, false},
	"ota_newer_running":    {405, clock.OriginSystem, false},
	"ota_source_served":    {406, clock.OriginSystem, false},
	"ota_up_to_date":       {407, clock.OriginSystem, false},

	"ota_update_started":    {440, clock.OriginSystem, true},
	"ota_installed":         {441, clock.OriginSystem, true},
	"ota_update_failed":     {442, clock.OriginSystem, false},
	"ota_cancelled":         {443, clock.OriginSystem, true},
	"ota_started_over":      {444, clock.OriginSystem, false},
	"ota_known_bad":         {445, clock.OriginSystem, true},
	"ota_already_installed": {446, clock.OriginSystem, false},
	"ota_version_differs":   {447, clock.OriginSystem, false},
	"ota_interrupted":       {448, clock.OriginSystem, false},
	"ota_nothing_newer":     {449, clock.OriginSystem, false},
	"ota_next_check":        {450, clock.OriginSystem, false},

	"ota_fetch":          {420, clock.OriginSystem, false},
	"ota_fetch_failed":   {421, clock.OriginSystem, false},
	"ota_source_blamed":  {422, clock.OriginSystem, false},
	"ota_pieces_ignored": {423, clock.OriginSystem, false},
	"ota_resumed":        {424, clock.OriginSystem, true},
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
	return e, known.kept || r.Level >= slog.LevelWarn
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
