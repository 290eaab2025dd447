package watch

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestValue(t *testing.T) {
	v := NewValue("a")
	got, changed := v.Watch()
	if got != "a" {
		t.Errorf("Watch() = %q, want a", got)
	}
	select {
	case <-changed:
		t.Fatal("changed before a change")
	default:
	}
	v.Set("b")
	select {
	case <-changed:
	default:
		t.Fatal("not told of the change")
	}
	v.Set("c") // nobody watches
	if got := v.Get(); got != "c" {
		t.Errorf("Get() = %q, want c", got)
	}
}

func TestZeroValue(t *testing.T) {
	var v Value[int]
	v.Update(func(n *int) { *n += 2 })
	if got, _ := v.Watch(); got != 2 {
		t.Errorf("Watch() = %d, want 2", got)
	}
}

// TestLatestWins has many writers and slow watchers: no change is lost, no
// writer waits, and every watcher ends with the last value.
func TestLatestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers, each = 8, 500
		var v Value[int]
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				last := -1
				for {
					n, changed := v.Watch()
					if n < last {
						t.Errorf("went back from %d to %d", last, n)
					}
					if last = n; n == writers*each {
						return
					}
					<-changed
				}
			})
		}
		for range writers {
			wg.Go(func() {
				for range each {
					v.Update(func(n *int) { *n++ })
				}
			})
		}
		wg.Wait()
	})
}

func TestUnwatchedUpdateDoesNotAllocate(t *testing.T) {
	var v Value[[4]int]
	if n := testing.AllocsPerRun(100, func() { v.Update(func(a *[4]int) { a[0]++ }) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
