// Package main is the wordclockd command: it parses, calls and prints.
package main

func main() {}
