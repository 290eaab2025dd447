package flash

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTable(t *testing.T) {
	// What each of these is about stands between two others.
	around := func(p Partition) Table {
		return Table{Partitions: []Partition{{"nvs", TypeData, DataNVS, 0x9000, 0x6000, 0}, p, {"end", TypeData, DataFAT, 0x800000, 0x1000, 0}}}
	}
	for _, c := range []struct {
		name, line string
		want       Partition
	}{
		{"decimal", "a,data,fat,65536,4096,", Partition{"a", TypeData, DataFAT, 0x10000, 0x1000, 0}},
		{"hexadecimal", "a,data,fat,0X10000,0xaBc00,", Partition{"a", TypeData, DataFAT, 0x10000, 0xABC00, 0}},
		{"suffixes", "a,data,fat,64K,1M,", Partition{"a", TypeData, DataFAT, 0x10000, 0x100000, 0}},
		{"small suffixes", "a,data,fat,0x40k,0x2m,", Partition{"a", TypeData, DataFAT, 0x10000, 0x200000, 0}},
		{"blanks", "  a b\t, data , fat ,64 K , 1 M ,", Partition{"a b", TypeData, DataFAT, 0x10000, 0x100000, 0}},
		{"capitals", "A,DATA,Fat,64K,4K,", Partition{"A", TypeData, DataFAT, 0x10000, 0x1000, 0}},
		{"no more commas", "a,data,fat,64K,4K", Partition{"a", TypeData, DataFAT, 0x10000, 0x1000, 0}},
		{"more commas", "a,data,fat,64K,4K,,,", Partition{"a", TypeData, DataFAT, 0x10000, 0x1000, 0}},
		{"next free", "a,data,fat,,4K,", Partition{"a", TypeData, DataFAT, 0xF000, 0x1000, 0}},
		{"next free for an application", "a,app,factory,,4K,", Partition{"a", TypeApp, AppFactory, 0x10000, 0x1000, 0}},
		{"up to", "a,data,fat,64K,-1M,", Partition{"a", TypeData, DataFAT, 0x10000, 0xF0000, 0}},
		{"next free up to", "a,data,fat,,-0x100000,", Partition{"a", TypeData, DataFAT, 0xF000, 0xF1000, 0}},
		{"one flag", "a,data,fat,64K,4K,encrypted", Partition{"a", TypeData, DataFAT, 0x10000, 0x1000, Encrypted}},
		{"two flags", "a,data,fat,64K,4K,readonly:encrypted", Partition{"a", TypeData, DataFAT, 0x10000, 0x1000, Encrypted | ReadOnly}},
		{"odd size of data", "a,data,fat,64K,1,", Partition{"a", TypeData, DataFAT, 0x10000, 1, 0}},
		{"numeric kind", "a,0x40,0,64K,4K,", Partition{"a", 0x40, 0, 0x10000, 0x1000, 0}},
		{"numeric application", "a,0,16,64K,4K,", Partition{"a", TypeApp, AppOTA, 0x10000, 0x1000, 0}},
		{"highest kind", "a,254,0xfe,64K,4K,", Partition{"a", 0xFE, 0xFE, 0x10000, 0x1000, 0}},
		{"no subtype", "a,data,,64K,4K,", Partition{"a", TypeData, DataUndefined, 0x10000, 0x1000, 0}},
		{"no subtype of a type without", "a,0x40,,64K,4K,", Partition{"a", 0x40, DataUndefined, 0x10000, 0x1000, 0}},
		{"sixteen letters", "sixteen__letters,data,fat,64K,4K,", Partition{"sixteen__letters", TypeData, DataFAT, 0x10000, 0x1000, 0}},
		{"umlauts", "Wörter,data,fat,64K,4K,", Partition{"Wörter", TypeData, DataFAT, 0x10000, 0x1000, 0}},
		{"boot loader", "a,bootloader,primary,,,", Partition{"a", TypeBootloader, 0, 0, 0x8000, 0}},
		{"table", "a,partition_table,primary,0x8000,0x1000,", Partition{"a", TypeTable, 0, 0x8000, 0x1000, 0}},
		{"another table", "a,partition_table,ota,,4K,", Partition{"a", TypeTable, 1, 0xF000, 0x1000, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTable([]byte("nvs,data,nvs,,24K\n" + c.line + "\nend,data,fat,8M,4K\n"))
			if d := cmp.Diff(around(c.want), got); err != nil || d != "" {
				t.Fatalf("%v, -want +got\n%s", err, d)
			}
			again, err := ParseTable(got.CSV())
			if d := cmp.Diff(got, again); err != nil || d != "" {
				t.Errorf("after CSV: %v, -want +got\n%s\n%s", err, d, got.CSV())
			}
		})
	}
}

// TestKinds are all names and their numbers in esp_partition.h.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		typ, subtype string
		want         [2]uint8
	}{
		{"app", "factory", [2]uint8{0, 0}}, {"app", "test", [2]uint8{0, 0x20}}, {"app", "ota_0", [2]uint8{0, 0x10}},
		{"app", "ota_9", [2]uint8{0, 0x19}}, {"app", "ota_15", [2]uint8{0, 0x1F}},
		{"data", "ota", [2]uint8{1, 0}}, {"data", "phy", [2]uint8{1, 1}}, {"data", "nvs", [2]uint8{1, 2}},
		{"data", "coredump", [2]uint8{1, 3}}, {"data", "nvs_keys", [2]uint8{1, 4}}, {"data", "efuse", [2]uint8{1, 5}},
		{"data", "undefined", [2]uint8{1, 6}}, {"data", "esphttpd", [2]uint8{1, 0x80}}, {"data", "fat", [2]uint8{1, 0x81}},
		{"data", "spiffs", [2]uint8{1, 0x82}}, {"data", "littlefs", [2]uint8{1, 0x83}},
		{"bootloader", "primary", [2]uint8{2, 0}}, {"bootloader", "ota", [2]uint8{2, 1}}, {"bootloader", "recovery", [2]uint8{2, 2}},
		{"partition_table", "primary", [2]uint8{3, 0}}, {"partition_table", "ota", [2]uint8{3, 1}},
	} {
		var p Partition
		if msg := p.parseType(c.typ, c.subtype); msg != "" || [2]uint8{p.Type, p.Subtype} != c.want {
			t.Errorf("%s, %s: %#x, %#x, %s, want %#x", c.typ, c.subtype, p.Type, p.Subtype, msg, c.want)
		}
		line := string(Table{Partitions: []Partition{p}}.CSV())
		if want := "," + c.typ + "," + c.subtype + ","; !strings.Contains(line, want) {
			t.Errorf("%s has no %q", line, want)
		}
	}
}

// TestCSV is how ESP-IDF's tool writes a table.
func TestCSV(t *testing.T) {
	table := projectTable(t, "partitions.csv")
	table.Partitions[5].Flags = Encrypted | ReadOnly
	table.Partitions = append(table.Partitions, Partition{"own", 0x40, 7, 0x680000, 0x1001, 0})
	want := `# ESP-IDF Partition Table
# Name, Type, SubType, Offset, Size, Flags
nvs,data,nvs,0x9000,24K,
otadata,data,ota,0xf000,8K,
phy_init,data,phy,0x11000,4K,
ota_0,app,ota_0,0x20000,2560K,
ota_1,app,ota_1,0x2a0000,2560K,
storage,data,fat,0x520000,1408K,encrypted:readonly
own,64,7,0x680000,0x1001,
`
	if d := cmp.Diff(want, string(table.CSV())); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestSkippedLines(t *testing.T) {
	csv, err := os.ReadFile("testdata/partitions.csv")
	if err != nil {
		t.Fatal(err)
	}
	plain := string(csv)
	for name, csv := range map[string]string{
		"byte order mark":         "\uFEFF" + plain,
		"byte order mark, nvs":    "\uFEFF" + plain[strings.Index(plain, "nvs"):],
		"carriage returns":        strings.ReplaceAll(plain, "\n", "\r\n"),
		"no end of the last line": strings.TrimSpace(plain),
		"blank lines":             strings.ReplaceAll(plain, "\n", "\n \t\n\n"),
		"comments":                strings.ReplaceAll(plain, "\n", "\n  # $OFF, one, two, three, four, five, six, seven\n"),
	} {
		got, err := ParseTable([]byte(csv))
		if d := cmp.Diff(Intended(), got); err != nil || d != "" {
			t.Errorf("%s: %v, -want +got\n%s", name, err, d)
		}
	}
}

func TestParseTableErrors(t *testing.T) {
	const begin = "# a table\n\nnvs,data,nvs,0x9000,0x6000\n"
	for _, c := range []struct {
		name, csv string
		line      int
		want      string
	}{
		{"nothing", "", 1, "0 partitions, want 1 to 94"},
		{"comments alone", "# one\n# two\n", 2, "0 partitions"},
		{"trailing comment", begin + "a,data,fat,,4K, # mine", 4, `flag "# mine": a comment needs a line of its own`},
		{"unknown flag", begin + "a,data,fat,,4K,encrypted:hidden", 4, `flag "hidden": use encrypted, readonly`},
		{"flag in capitals", begin + "a,data,fat,,4K,READONLY", 4, `flag "READONLY"`},
		{"seven fields", begin + "a,data,fat,,4K,,x", 4, `"x" behind the flags`},
		{"variable", begin + "a,data,fat,$OFFSET,4K", 4, "$ for a variable: write its value"},
		{"no name", begin + ",data,fat,,4K", 4, "what lies at 0xf000 has no name"},
		{"long name", begin + "seventeen_letters,data,fat,,4K", 4, "name of 17 bytes: shorten it to 16"},
		{"escape in the name", begin + "a\x1b[2J,data,fat,,4K", 4, "use letters, digits and _"},
		{"not UTF-8", begin + "a\xff,data,fat,,4K", 4, "use letters, digits and _"},
		{"no type", begin + "a", 4, "no type: use app, data, bootloader, partition_table"},
		{"unknown type", begin + "a,date,fat,,4K", 4, `type "date": use a number or app, data`},
		{"highest type and one", begin + "a,255,0,,4K", 4, "type 255: use one from 0 to 0xfe"},
		{"negative type", begin + "a,-1,0,,4K", 4, "type -1"},
		{"no subtype", begin + "a,app,,,4K", 4, "no subtype: use factory, ota_0, ota_1"},
		{"unknown subtype", begin + "a,data,ota_0,,4K", 4, `subtype "ota_0": use a number or ota, phy, nvs`},
		{"a slot too many", begin + "a,app,ota_16,,4K", 4, `subtype "ota_16"`},
		{"named subtype of a number", begin + "a,0x40,fat,,4K", 4, `subtype "fat": use a number from 0 to 0xfe`},
		{"highest subtype and one", begin + "a,data,0xff,,4K", 4, "subtype 0xff"},
		{"no size", begin + "a,data,fat,,", 4, "no size: give one"},
		{"size of zero", begin + "a,data,fat,,0", 4, "size 0"},
		{"word for a size", begin + "a,data,fat,,big", 4, `size "big": use a number`},
		{"octal size", begin + "a,data,fat,,010000", 4, `size "010000"`},
		{"two signs", begin + "a,data,fat,,--4096", 4, `size "--4096"`},
		{"sign within", begin + "a,data,fat,,0x-1000", 4, `size "0x-1000"`},
		{"underscore", begin + "a,data,fat,,1_000", 4, `size "1_000"`},
		{"suffix alone", begin + "a,data,fat,,K", 4, `size "K"`},
		{"two suffixes", begin + "a,data,fat,,1KM", 4, `size "1KM"`},
		{"huge number", begin + "a,data,fat,,99999999999999999999", 4, "use a number"},
		{"huge product", begin + "a,data,fat,,0x7fffffffffM", 4, "use one from 1 to 0xffffffff"},
		{"size of 4 GiB", begin + "a,data,fat,,4096M", 4, "size 4294967296"},
		{"end beyond 4 GiB", begin + "a,data,fat,0xfffff000,8K", 4, "end 0x100001000 lies beyond 32 bits"},
		{"offset of 4 GiB", begin + "a,data,fat,4096M,4K", 4, "offset 0x100000000"},
		{"up to its begin", begin + "a,data,fat,64K,-64K", 4, "it begins at 0x10000, so it cannot end at 0x10000"},
		{"word for an offset", begin + "a,data,fat,here,4K", 4, `offset "here": use a number`},
		{"negative offset", begin + "a,app,factory,-1,4K", 4, "offset -1 is negative: use 0x10000"},
		{"below the first", "a,data,nvs,0x8000,4K\n" + begin, 1, "offset 0x8000 lies below 0x9000, where the partition table ends: use 0x9000"},
		{"not in order", begin + "a,data,fat,1M,4K\nb,data,fat,64K,4K", 5, "offset 0x10000 lies before 0x101000"},
		{"overlap", begin + "a,data,fat,0xe000,4K", 4, "offset 0xe000 lies before 0xf000, where the partition listed before it ends: use 0xf000 or higher"},
		{"unaligned data", begin + "a,data,fat,0xf800,4K", 4, "offset 0xf800 is not a multiple of 0x1000: use 0x10000"},
		{"unaligned application", begin + "a,app,factory,0xf000,4K", 4, "offset 0xf000 is not a multiple of 0x10000: use 0x10000"},
		{"unaligned size", begin + "a,app,factory,,0x1800", 4, "size 0x1800 is not a multiple of 0x1000: use 0x2000"},
		{"same name", begin + "a,data,fat,,4K\nnvs,data,fat,,4K\n", 5, "second partition of that name"},
		{"small otadata", begin + "a,data,ota,,4K", 4, "size 0x1000, but otadata has two sectors: use 0x2000"},
		{"two otadata", begin + "a,data,ota,,8K\nb,data,ota,,8K", 5, "second otadata, after a"},
		{"otadata that cannot be written", begin + "a,data,ota,,8K,readonly", 4, "readonly, but the clock writes to it"},
		{"coredump that cannot be written", begin + "a,data,coredump,,8K,readonly", 4, "readonly"},
		{"slot twice", begin + "a,app,ota_0,,4K\nb,app,ota_0,,4K", 5, "second ota_0, after a"},
		{"slot left out", begin + "a,app,ota_0,,4K\nb,app,ota_2,,4K", 5, "ota_2, but there is no ota_1"},
		{"first slot left out", begin + "a,app,factory,,4K\nb,app,ota_1,,4K", 5, "ota_1, but there is no ota_0"},
		{"boot loader elsewhere", begin + "a,bootloader,primary,0x1000,0x7000", 4, "offset 0x1000, size 0x7000: an ESP32-S3 wants it at 0x0 with 0x8000"},
		{"boot loader of another size", begin + "a,bootloader,primary,,0x7000", 4, "offset 0x0, size 0x7000: an ESP32-S3 wants"},
		{"table elsewhere", begin + "a,partition_table,primary,0x10000,", 4, "offset 0x10000, size 0x1000: an ESP32-S3 wants it at 0x8000 with 0x1000"},
		{"two of what is fixed", begin + "a,bootloader,primary,,\nb,bootloader,primary,,", 5, "offset 0x0 lies within a"},
		{"too many", strings.Replace(string(many(95).CSV()), "data_94", "straw", 1), 97, "more partitions than the 94"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := ParseTable([]byte(c.csv))
			e, ok := errors.AsType[*TableError](err)
			if !ok || e.Line != c.line || !strings.Contains(err.Error(), c.want) || table.Partitions != nil {
				t.Errorf("%+v, %v, want an error of line %d with %q", table, err, c.line, c.want)
			}
			if err != nil && strings.ContainsRune(err.Error(), 0x1B) {
				t.Errorf("%q would move the cursor", err)
			}
		})
	}
}

// TestMigrationGuide: the layout that the firmware's guide for users shows is one
// that no clock can have.
func TestMigrationGuide(t *testing.T) {
	_, err := ParseTable([]byte(`nvs,data,nvs,0x9000,0x6000
otadata,data,ota,0xf000,0x2000
phy_init,data,phy,0x11000,0x1000
factory,app,factory,0x12000,0x280000
ota_0,app,ota_0,0x292000,0x280000
storage,data,fat,0x512000,0x160000
`))
	want := "partition table: line 4: factory: offset 0x12000 is not a multiple of 0x10000: use 0x20000"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestFlashSize: sdkconfig.ci of the firmware wants the intended table in 4 MB.
func TestFlashSize(t *testing.T) {
	for _, c := range []struct {
		size int64
		want string // the partition that does not fit
	}{
		{0, ""}, {16 << 20, ""}, {8 << 20, ""}, {0x680000, ""}, {0x67FFFF, "storage"}, {4 << 20, "ota_1"}, {2 << 20, "ota_0"}, {1, "nvs"},
	} {
		err := Intended().Check(c.size)
		if c.want == "" {
			if err != nil {
				t.Errorf("%#x: %v", c.size, err)
			}
			continue
		}
		if e, ok := errors.AsType[*TableError](err); !ok || e.Name != c.want || e.Line != 0 || !strings.Contains(e.Msg, "beyond a flash of") {
			t.Errorf("%#x: %v, want an error about %s", c.size, err, c.want)
		}
	}
}

// TestHighest: a partition may end where 32 bits do, and one with the subtype behind
// the last slot is none.
func TestHighest(t *testing.T) {
	for _, csv := range []string{
		"a,data,fat,0xfffff000,4K\n",
		"a,data,fat,4095M,1M\n",
		"a,data,fat,64K,-4096M\n",
		"a,data,fat,0x9000,0xffff7000\n",
		"a,app,ota_0,,4K\nb,app,test,,4K\nc,app,test,,4K\n",
	} {
		table, err := ParseTable([]byte(csv))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := ReadTable(marshal(t, table))
		if d := cmp.Diff(table, got); err != nil || d != "" {
			t.Errorf("%v, -want +got\n%s", err, d)
		}
	}
}

// TestCheck is what a binary table can have, and a CSV cannot.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(p []Partition)
		want string
	}{
		{"overlap", func(p []Partition) { p[4].Off = 0x290000 }, "ota_1: offset 0x290000 lies within ota_0, which ends at 0x2a0000: use 0x2a0000 or higher"},
		{"one in another", func(p []Partition) { p[0].Off, p[0].Size = 0x30000, 0x1000 }, "nvs: offset 0x30000 lies within ota_0"},
		{"comma", func(p []Partition) { p[0].Name = "a,b" }, "a,b: name with what a CSV cannot hold"},
		{"comment", func(p []Partition) { p[0].Name = "#a" }, "#a: name with what"},
		{"variable", func(p []Partition) { p[0].Name = "$a" }, "$a: name with what"},
		{"blank", func(p []Partition) { p[0].Name = "a " }, "name with what"},
		{"new line", func(p []Partition) { p[0].Name = "a\nb" }, `"a\nb": name with what`},
		{"another new line", func(p []Partition) { p[0].Name = "a\u2028b" }, "name with what"},
		{"no name", func(p []Partition) { p[1].Name = "" }, "what lies at 0xf000 has no name"},
		{"any type", func(p []Partition) { p[0].Type = 0xFF }, "nvs: type 0xff, subtype 0x02"},
		{"any subtype", func(p []Partition) { p[0].Subtype = 0xFF }, "nvs: type 0x01, subtype 0xff"},
		{"flag", func(p []Partition) { p[0].Flags = 5 }, "nvs: flags 0x5"},
		{"begin", func(p []Partition) { p[0].Off = 0 }, "nvs: offset 0x0 lies below 0x9000"},
		{"nothing", func(p []Partition) { p[0].Size = 0 }, "nvs: size 0"},
		{"less than nothing", func(p []Partition) { p[0].Size = -4096 }, "nvs: size -4096"},
		{"before the begin", func(p []Partition) { p[0].Off = -4096 }, "nvs: offset -0x1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := Intended()
			c.edit(table.Partitions)
			if err := table.Check(0); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	var empty Table
	if err := empty.Check(0); err == nil || err.Error() != "partition table: 0 partitions, want 1 to 94" {
		t.Error(err)
	}
	backwards := Intended()
	for i, p := range Intended().Partitions {
		backwards.Partitions[5-i] = p
	}
	if err := backwards.Check(8 << 20); err != nil {
		t.Errorf("backwards: %v", err)
	}
}

// FuzzTableCSV: what can be read is written so that it is the same when read again,
// obeys the rules, and has a binary form.
func FuzzTableCSV(f *testing.F) {
	for _, file := range projectTables {
		csv, err := os.ReadFile("testdata/" + file.file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(csv)
	}
	f.Add([]byte("\uFEFF# one\r\n a , 0x40, 0xFE, , -1M, readonly:encrypted\r\nb,app,factory,,4k,,\n"))
	f.Add([]byte("boot,bootloader,primary,,\ntable,partition_table,primary,,\nfat,data,,$X,-0x10000"))
	f.Fuzz(func(t *testing.T, csv []byte) {
		table, err := ParseTable(csv)
		if err != nil {
			if e, ok := errors.AsType[*TableError](err); !ok || e.Line < 1 || table.Partitions != nil {
				t.Errorf("%+v, %v (%[2]T)", table, err)
			}
			return
		}
		again, err := ParseTable(table.CSV())
		if d := cmp.Diff(table, again); err != nil || d != "" {
			t.Errorf("%v, -want +got\n%s", err, d)
		}
		if err := table.Check(0); err != nil {
			t.Error(err)
		}
		again, err = ReadTable(marshal(t, table))
		if d := cmp.Diff(table, again); err != nil || d != "" {
			t.Errorf("binary: %v, -want +got\n%s", err, d)
		}
	})
}
