package firmware

import (
	"context"
	"log/slog"
	"time"

	"wordclockd/internal/health"
	"wordclockd/internal/task"
	"wordclockd/internal/watch"
)

// A reach looks whether there is a way out of this host, if any is needed.
type reach struct {
	// Immutable.
	network health.Network
	value   *watch.Value[bool]
	log     *slog.Logger
}

const (
	routeEvery = 10 * time.Second // between two looks at the kernel's routes
	outOfReach = 3 * routeEvery   // until it is an event that there is none: a lease may take a while
)

func newReach(c Config, log *slog.Logger) *reach {
	r := &reach{network(c), new(watch.Value[bool]), log}
	r.value.Set(r.look())
	return r
}

func (r *reach) String() string { return "network" }

func (r *reach) look() bool { return !r.network.Beyond() || r.network.Route() == nil }

// Run looks until ctx is done.
func (r *reach) Run(ctx context.Context) error {
	since, told := time.Now(), false
	for ctx.Err() == nil {
		up := r.look()
		if up != r.value.Get() {
			r.value.Set(up)
			since = time.Now()
		}
		switch {
		case !up && !told && time.Since(since) >= outOfReach:
			told = true
			r.log.Warn("there is no way out of this host", "event", "network_lost", "err", r.network.Route())
		case up && told:
			told = false
			r.log.Info("there is a way out of this host again", "event", "network_back")
		}
		task.Sleep(ctx, routeEvery)
	}
	return nil
}
