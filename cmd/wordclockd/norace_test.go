//go:build !race

package main

// waiters is how many tests run on one core at once: most of them wait for processes.
const waiters = 2

// crowd is how many of a kind are many clients.
const crowd = 500
