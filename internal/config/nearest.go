package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func noKey(near string) error { return fmt.Errorf("no such key, the nearest is %s", near) }

// nearest returns the name that takes the fewest edits to get to. One that only
// stands in another section is near, too.
func nearest(name string, names []string) string {
	distance := func(to string) int {
		return min(Edits(name, to), 1+Edits(last(name), last(to)))
	}
	return slices.MinFunc(names, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
}

// last returns what a key is called in its section.
func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// Edits is the Levenshtein distance of two texts, in bytes: how many have to be put in,
// taken out or changed.
func Edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
