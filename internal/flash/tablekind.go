package flash

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Types of partitions. Those from 0x40 to 0xFE are an application's own.
const (
	TypeApp        = 0
	TypeData       = 1
	TypeBootloader = 2
	TypeTable      = 3
)

// Subtypes of TypeApp.
const (
	AppFactory = 0x00
	AppOTA     = 0x10 // ota_0; up to ota_15 follow
	AppTest    = 0x20
)

// Subtypes of TypeData.
const (
	DataOTA       = 0x00 // otadata
	DataPHY       = 0x01
	DataNVS       = 0x02
	DataCoredump  = 0x03
	DataNVSKeys   = 0x04
	DataEFuse     = 0x05
	DataUndefined = 0x06
	DataHTTPD     = 0x80
	DataFAT       = 0x81
	DataSPIFFS    = 0x82
	DataLittleFS  = 0x83
)

// maxSlots is how many subtypes of TypeApp are slots.
const maxSlots = 16

// Flags of a partition.
const (
	Encrypted = 1 << 0
	ReadOnly  = 1 << 1
)

// Subtypes of TypeBootloader and TypeTable.
const (
	primary  = 0x00
	another  = 0x01 // by which the first is replaced
	recovery = 0x02 // a boot loader alone
)

// Names of types and subtypes in CSV.
var (
	typeNames = map[string]uint8{
		"app": TypeApp, "data": TypeData, "bootloader": TypeBootloader, "partition_table": TypeTable,
	}
	subtypeNames = map[uint8]map[string]uint8{
		TypeApp: withSlots(map[string]uint8{"factory": AppFactory, "test": AppTest}),
		TypeData: {
			"ota": DataOTA, "phy": DataPHY, "nvs": DataNVS, "coredump": DataCoredump, "nvs_keys": DataNVSKeys,
			"efuse": DataEFuse, "undefined": DataUndefined, "esphttpd": DataHTTPD, "fat": DataFAT, "spiffs": DataSPIFFS, "littlefs": DataLittleFS,
		},
		TypeBootloader: {"primary": primary, "ota": another, "recovery": recovery},
		TypeTable:      {"primary": primary, "ota": another},
	}
	flagNames = map[string]uint8{"encrypted": Encrypted, "readonly": ReadOnly}
)

func withSlots(names map[string]uint8) map[string]uint8 {
	for i := range uint8(maxSlots) {
		names[fmt.Sprintf("ota_%d", i)] = AppOTA + i
	}
	return names
}

// parseKind reads a type or subtype, which is a number or a name.
func parseKind(what, s string, names map[string]uint8) (uint8, string) {
	if n, err := ParseNumber(s); err == nil {
		if n < 0 || n > 0xFE {
			return 0, fmt.Sprintf("%s %s: use one from 0 to 0xfe", what, s)
		}
		return uint8(n), ""
	}
	if n, ok := names[strings.ToLower(s)]; ok {
		return n, ""
	}
	if names == nil {
		return 0, fmt.Sprintf("%s %q: use a number from 0 to 0xfe", what, s)
	}
	return 0, fmt.Sprintf("%s %q: use a number or %s", what, s, list(names))
}

// list is the names in the order of what they stand for.
func list(names map[string]uint8) string {
	return strings.Join(slices.SortedFunc(maps.Keys(names), func(a, b string) int { return int(names[a]) - int(names[b]) }), ", ")
}

// TypeName is the type as a CSV has it: a name, or else a number.
func (p Partition) TypeName() string { return nameOf(p.Type, typeNames) }

// SubtypeName is the subtype, likewise.
func (p Partition) SubtypeName() string { return nameOf(p.Subtype, subtypeNames[p.Type]) }

func nameOf(n uint8, names map[string]uint8) string {
	for name, m := range names {
		if m == n {
			return name
		}
	}
	return strconv.Itoa(int(n))
}
