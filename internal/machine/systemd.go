package machine

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd, if that has started the process, that the clock runs, and
// as often as its WatchdogSec asks for that it is well: sd_notify(3).
func notify(ctx context.Context, well func() bool) error {
	if sent, err := daemon.SdNotify(false, daemon.SdNotifyReady); !sent || err != nil {
		return nil // nobody listens
	}
	defer func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) }()
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(max(every/2, time.Millisecond))
	defer tick.Stop()
	for {
		if well() {
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
