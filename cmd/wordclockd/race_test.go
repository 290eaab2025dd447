//go:build race

package main

// waiters is how many tests run on one core at once: the race detector has each work.
const waiters = 1

// crowd is how many of a kind are many clients: enough for a race, and not so many that
// all that is measured is how long they wait for a core.
const crowd = 100
