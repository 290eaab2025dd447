// Package watch holds values whose changes can be waited for.
package watch

import "sync"

// A Value holds the latest T. Writers never wait for readers, and a reader
// that is slow sees the newest value, not every one; what must not be skipped
// travels as a numbered list inside a T.
//
// The zero Value holds the zero T. Slices and maps inside a T are shared with
// every reader: replace them, never change them in place.
type Value[T any] struct {
	mu      sync.Mutex
	v       T
	changed chan struct{} // closed at the next change; nil while nobody waits
}

// NewValue returns a Value that holds v.
func NewValue[T any](v T) *Value[T] { return &Value[T]{v: v} }

// Get returns the present value.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.v
}

// Watch returns the present value and a channel that is closed when it is
// replaced.
func (v *Value[T]) Watch() (T, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed == nil {
		v.changed = make(chan struct{})
	}
	return v.v, v.changed
}

// Set replaces the value.
func (v *Value[T]) Set(t T) { v.Update(func(p *T) { *p = t }) }

// Update changes the value by f, which must not block, nor use v.
func (v *Value[T]) Update(f func(*T)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f(&v.v)
	if v.changed != nil {
		close(v.changed)
		v.changed = nil
	}
}
