package firmware

import (
	"context"
	"errors"
	"time"

	"periph.io/x/conn/v3/gpio"

	"wordclockd/internal/clock"
	"wordclockd/internal/config"
	"wordclockd/internal/task"
)

// A button gives a command when it was held down long enough, and is released.
type button struct {
	// Immutable.
	d   *device
	pin gpio.PinIn
	config.Button

	lost bool // the log was told; owned by watch
}

// buttonPause is how long a button that cannot be read is left alone.
const buttonPause = 5 * time.Second

func (b *button) String() string { return "button" }

// Run waits for the button until ctx is done. Without an edge it wakes for nothing.
func (b *button) Run(ctx context.Context) error {
	g, _ := task.NewGroup(ctx)
	g.Go("watch", b.watch)
	g.Go("halt", func(ctx context.Context) error {
		<-ctx.Done()
		_ = b.pin.Halt() // what it waits for ends
		return nil
	})
	return g.Wait()
}

func (b *button) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := b.listen(ctx); err != nil && ctx.Err() == nil {
			if !b.lost {
				b.lost = true
				b.d.log.Warn("button cannot be read: check its wiring", "event", "sensor_lost", "sensor", "button", "err", err)
			}
			task.Sleep(ctx, buttonPause)
		}
	}
	return nil
}

var errNoEdges = errors.New("its edges cannot be waited for")

// listen follows the button until ctx is done or it cannot be read.
func (b *button) listen(ctx context.Context) error {
	if err := b.pin.In(gpio.PullUp, gpio.BothEdges); err != nil {
		return err
	}
	p := newPress(b.down(), time.Now())
	for ctx.Err() == nil { // In may have undone the Halt
		wait := p.due(time.Now())
		edge := b.pin.WaitForEdge(wait)
		if !edge && wait < 0 {
			return errNoEdges
		}
		if held, ok := p.see(b.down(), time.Now()); ok {
			b.released(ctx, held)
		}
		if b.lost {
			b.lost = false
			b.d.log.Info("button is back", "event", "sensor_back", "sensor", "button")
		}
	}
	return nil
}

func (b *button) down() bool { return b.pin.Read() == gpio.Low }

// released gives the command if the button was held long enough.
func (b *button) released(ctx context.Context, held time.Duration) {
	if held < b.Hold {
		return
	}
	b.d.log.Info("the button was held down", "event", "button", "command", b.Command, "held", held.Round(time.Millisecond).String())
	if _, err := b.d.Do(ctx, clock.Command{Name: b.Command}); err != nil && ctx.Err() == nil {
		b.d.log.Warn("what the button is for could not be done", "event", "button_failed", "command", b.Command, "err", err)
	}
}
