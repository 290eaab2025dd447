//go:build !race

package proof

// Raced is that the race detector is on.
const Raced = false
