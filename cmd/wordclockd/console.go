package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// A console writes to where it may happen that nobody reads: a terminal on
// hold, a pipe that is full. The clock must not wait for that, so what it says
// is kept for one goroutine to write, and dropped when there is too much of it.
//
// On a terminal a console can keep a block of lines at the end, redrawn in
// place; what is written scrolls away above.
type console struct {
	out  io.Writer
	wake chan struct{} // has an element when there is something to write
	quit chan struct{} // closed by close
	done chan struct{} // closed when all is written

	mu    sync.Mutex
	text  []byte   // to be written
	lost  int      // lines that were dropped
	block []string // to stand at the end

	// Owned by the writing goroutine.
	shown []string // the block on the terminal
}

// maxText is how much a console keeps for a reader that does not read.
const maxText = 64 << 10

// open returns a console that writes to out, until it is closed.
func openConsole(out io.Writer) *console {
	c := &console{
		out:  out,
		wake: make(chan struct{}, 1),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	go c.run() // ends by close, or with the process if out does not let go of it
	return c
}

// close takes the block away, and waits a second at most until all is written.
func (c *console) close() {
	c.show(nil)
	close(c.quit)
	select {
	case <-c.done:
	case <-time.After(time.Second):
	}
}

// Write implements io.Writer for whole lines. It never waits nor fails.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	if len(c.text)+len(p) > maxText {
		c.lost++
	} else {
		c.text = append(c.text, p...)
	}
	c.mu.Unlock()
	c.poke()
	return len(p), nil
}

// show replaces the block.
func (c *console) show(lines []string) {
	c.mu.Lock()
	c.block = lines
	c.mu.Unlock()
	c.poke()
}

func (c *console) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *console) run() {
	defer close(c.done)
	for {
		select {
		case <-c.wake:
			c.flush()
		case <-c.quit:
			c.flush()
			return
		}
	}
}

// flush brings out up to what there is. An error is a reader that went away:
// what was meant for it is lost, and the clock goes on.
func (c *console) flush() {
	c.mu.Lock()
	text, block := c.text, c.block
	if c.lost > 0 {
		text = fmt.Appendf(text, "%d lines of the log were lost: nobody read them\n", c.lost)
	}
	c.text, c.lost = nil, 0
	c.mu.Unlock()
	if len(text) == 0 && slices.Equal(block, c.shown) {
		return
	}
	_, _ = c.out.Write(c.redraw(text, block))
	c.shown = block
}

// Controls of a terminal (ECMA-48; DECAWM clips long lines).
const (
	up       = "\x1b[%dA\r"
	erase    = "\x1b[J"
	clip     = "\x1b[?7l"
	wrap     = "\x1b[?7h"
	eraseEnd = "\x1b[K"
)

// redraw returns what writes text where the block begins, and a new block below
// it. It is one write, so that nothing flickers.
func (c *console) redraw(text []byte, block []string) []byte {
	var b bytes.Buffer
	if n := len(c.shown); n > 0 {
		fmt.Fprintf(&b, up, n)
		if len(text) > 0 || len(block) != n {
			b.WriteString(erase)
		}
	}
	b.Write(text)
	if len(block) > 0 {
		b.WriteString(clip)
		for _, line := range block {
			b.WriteString(strings.TrimRight(line, " ") + eraseEnd + "\n")
		}
		b.WriteString(wrap)
	}
	return b.Bytes()
}
