package firmware

import (
	"context"
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
}

// routeEvery is how often the kernel is asked for its routes.
const routeEvery = 10 * time.Second

func newReach(c Config) *reach {
	r := &reach{network(c), new(watch.Value[bool])}
	r.value.Set(r.look())
	return r
}

func (r *reach) String() string { return "network" }

func (r *reach) look() bool { return !r.network.Beyond() || r.network.Route() == nil }

// Run looks until ctx is done.
func (r *reach) Run(ctx context.Context) error {
	for {
		if now := r.look(); now != r.value.Get() {
			r.value.Set(now)
		}
		task.Sleep(ctx, routeEvery)
		if ctx.Err() != nil {
			return nil
		}
	}
}
