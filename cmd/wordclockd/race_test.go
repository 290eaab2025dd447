//go:build race

package main

// waiters is how many tests run on one core at once: the race detector has each work.
const waiters = 1
