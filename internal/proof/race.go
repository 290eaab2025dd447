//go:build race

package proof

// Raced is that the race detector is on: ten times slower, it looks for another kind of
// error than a long run does.
const Raced = true
