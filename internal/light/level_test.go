package light

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"wordclockd/internal/clock"
)

// TestGroup holds what the old clock makes of lux, by default settings.
func TestGroup(t *testing.T) {
	s := clock.DefaultSettings()
	for _, c := range []struct {
		lux  float64
		want clock.Level
	}{
		{0, 5}, {1, 5}, {2, 7}, {3, 10}, {5, 16}, {8, 24}, {9.9, 29}, {10, 30}, {20, 37}, {30, 45}, {49, 59}, {50, 60}, {51, 60},
		{75, 70}, {100, 80}, {150, 100}, {200, 120}, {250, 133}, {350, 160}, {400, 173}, {425, 180}, {500, 200}, {750, 213}, {1000, 227},
		{1499, 254}, {1500, 255}, {1501, 255}, {65535, 255}, {-1, 5}, {math.Inf(1), 255},
	} {
		if got := Group(s.Zones, s.Thresholds, c.lux); got != c.want {
			t.Errorf("%v lx: %d, want %d", c.lux, got, c.want)
		}
	}
}

// TestGroupBySettings: each number of the settings counts.
func TestGroupBySettings(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*clock.Settings)
		want map[float64]clock.Level
	}{
		{"flat zones are stairs", func(s *clock.Settings) { s.Zones[1] = clock.Zone{Min: 40, Max: 40} },
			map[float64]clock.Level{10: 30, 10.1: 40, 50: 40, 50.1: 60}},
		{"below what is to be seen", func(s *clock.Settings) { s.Zones[0] = clock.Zone{Min: 1, Max: 4} }, map[float64]clock.Level{1: 5, 10: 5}},
		{"a first zone of no width", func(s *clock.Settings) { s.Thresholds[0] = 1 }, map[float64]clock.Level{0: 5, 1: 5, 1.1: 30, 50: 60}},
		{"the last zone goes as far", func(s *clock.Settings) { s.Thresholds[3] = 10000 },
			map[float64]clock.Level{10000: 200, 20000: 227, 29999: 254, 30000: 255}},
		{"but to 1500 at least", func(s *clock.Settings) { s.Thresholds[3] = 300 }, map[float64]clock.Level{300: 200, 900: 227, 1500: 255}},
		{"a bright zone below a darker one", func(s *clock.Settings) { s.Zones[3] = clock.Zone{Min: 7, Max: 9} },
			map[float64]clock.Level{200: 120, 201: 7, 500: 9, 501: 200}},
	} {
		s := clock.DefaultSettings()
		c.set(&s)
		for lux, want := range c.want {
			if got := Group(s.Zones, s.Thresholds, lux); got != want {
				t.Errorf("%s: %v lx: %d, want %d", c.name, lux, got, want)
			}
		}
	}
}

// TestIndividual: what the old clock makes of the knob, with and without the limit, and
// the curves that it only stored.
func TestIndividual(t *testing.T) {
	linear := clock.Knob{Min: 5, Max: 255}
	logarithmic, exponential := linear, linear
	logarithmic.Curve, exponential.Curve = clock.KnobLogarithmic, clock.KnobExponential
	for _, c := range []struct {
		name    string
		knob    clock.Knob
		mv      int
		want    clock.Level // without a limit
		limit   clock.Level
		limited clock.Level
	}{
		{"down", linear, 0, 5, 80, 5}, {"", linear, 14, 6, 80, 6}, {"", linear, 250, 23, 80, 23}, {"", linear, 500, 42, 80, 42},
		{"of the simulated board", linear, 730, 60, 80, 60}, {"", linear, 750, 61, 80, 61}, {"", linear, 977, 79, 80, 79}, {"", linear, 990, 80, 80, 80},
		{"half", linear, 1650, 130, 80, 80}, {"up", linear, 3300, 255, 80, 80}, {"beyond", linear, 5000, 255, 80, 80}, {"below", linear, -3, 5, 80, 5},
		{"the whole travel", clock.Knob{Min: 5, Max: 80}, 1650, 42, 80, 42}, {"and its end", clock.Knob{Min: 5, Max: 80}, 3300, 80, 80, 80},
		{"log down", logarithmic, 0, 5, 80, 5}, {"log half", logarithmic, 1650, 190, 200, 190}, {"log up", logarithmic, 3300, 255, 80, 80},
		{"exp down", exponential, 0, 5, 80, 5}, {"exp half", exponential, 1650, 108, 200, 108}, {"exp up", exponential, 3300, 255, 80, 80},
		{"less than is to be seen", clock.Knob{Min: 1, Max: 3}, 3300, 5, 80, 5}, {"the lowest limit", linear, 3300, 255, 5, 5},
	} {
		if got := Individual(c.knob, 255, c.mv); got != c.want {
			t.Errorf("%s, %d mV: %d, want %d", c.name, c.mv, got, c.want)
		}
		if got := Individual(c.knob, c.limit, c.mv); got != c.limited {
			t.Errorf("%s, %d mV up to %d: %d, want %d", c.name, c.mv, c.limit, got, c.limited)
		}
	}
}

// randomCurves sets zones, thresholds, knob and limit to anything that is valid. Zones
// that ascend do as by default: none is brighter than the next.
func randomCurves(r *rand.Rand, s *clock.Settings, ascend bool) {
	levels := make([]int, 2*clock.Zones)
	for i := range levels {
		levels[i] = 1 + r.IntN(255)
	}
	if ascend {
		slices.Sort(levels)
	}
	for i := range s.Zones {
		s.Zones[i] = clock.Zone{Min: clock.Level(min(levels[2*i], levels[2*i+1])), Max: clock.Level(max(levels[2*i], levels[2*i+1]))}
	}
	lx := 0
	for i := range s.Thresholds {
		lx += 1 + r.IntN(1+int(math.Pow(10, 3.3*r.Float64())))
		s.Thresholds[i] = uint16(lx)
	}
	low := 1 + r.IntN(254)
	s.Knob = clock.Knob{Min: clock.Level(low), Max: clock.Level(low + 1 + r.IntN(255-low)), Curve: clock.KnobCurve(r.IntN(3))}
	s.SafetyLimit = clock.MinLevel + clock.Level(r.IntN(251))
	s.Individual = min(s.Individual, s.SafetyLimit)
}

// TestBrighter: more light never makes the face darker, nor does the knob, whatever is
// set; a bright zone may be set below a darker one, and then holds in itself.
func TestBrighter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s := clock.DefaultSettings()
		ascend := r.IntN(2) == 0
		randomCurves(r, &s, ascend)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		zone := func(lux float64) int {
			i := slices.IndexFunc(s.Thresholds[:], func(end uint16) bool { return lux <= float64(end) })
			return (i + clock.Zones) % clock.Zones
		}
		var steps []float64
		for x := range 400 {
			steps = append(steps, math.Pow(10, float64(x)/80)-1)
		}
		for _, end := range s.Thresholds {
			steps = append(steps, float64(end), math.Nextafter(float64(end), 1e9))
		}
		slices.Sort(steps)
		before, darker := -1, clock.Level(0)
		for _, lux := range steps {
			got, in := Group(s.Zones, s.Thresholds, lux), zone(lux)
			if z := s.Zones[in]; got < max(z.Min, clock.MinLevel) || got > max(z.Max, clock.MinLevel) {
				t.Fatalf("%+v: %v lx: %d is not of its zone", s, lux, got)
			}
			if got < darker && (ascend || before == in) {
				t.Fatalf("%+v: %v lx: %d after %d", s, lux, got, darker)
			}
			before, darker = in, got
		}
		last := clock.Level(0)
		for mv := 0; mv <= 3300; mv += 3 {
			got := Individual(s.Knob, s.SafetyLimit, mv)
			if got < last || got < clock.MinLevel || got > s.SafetyLimit {
				t.Fatalf("%+v, up to %d: %d mV: %d after %d", s.Knob, s.SafetyLimit, mv, got, last)
			}
			last = got
		}
		if want := min(max(s.Knob.Max, clock.MinLevel), s.SafetyLimit); last != want {
			t.Fatalf("%+v, up to %d: ends at %d", s.Knob, s.SafetyLimit, last)
		}
	}
}

// FuzzGroup: any valid zones and any float are a level that is to be seen.
func FuzzGroup(f *testing.F) {
	f.Add(uint64(1), 425.0)
	f.Add(uint64(2), math.NaN())
	f.Add(uint64(3), math.Inf(-1))
	f.Add(uint64(4), 1e300)
	f.Fuzz(func(t *testing.T, seed uint64, lux float64) {
		s := clock.DefaultSettings()
		randomCurves(rand.New(rand.NewPCG(seed, 0)), &s, true)
		got := Group(s.Zones, s.Thresholds, lux)
		if got < clock.MinLevel || got > max(s.Zones[4].Max, clock.MinLevel) {
			t.Errorf("%v lx: %d", lux, got)
		}
	})
}
