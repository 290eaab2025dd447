package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wordclockd/internal/face"
)

// TestRunOnTerminal runs the clock on a terminal and looks at its screen: one
// face, right for the present time, redrawn in place.
func TestRunOnTerminal(t *testing.T) {
	for _, c := range []struct {
		name    string
		rows    uint16
		environ string
		lit     string // how a lit letter begins
	}{
		{"colour", 40, "TERM=xterm", sgrLit},
		{"no colour", 40, "NO_COLOR=1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			term := openTerminal(t, c.rows)
			cmd := term.start(t, c.environ)
			term.until(t, func(lines []string) bool {
				return count(lines, "time: synced") == 1 && count(lines, "ES IST") == 1 && term.paints() >= 3
			})
			lines := term.screen()
			if !showsFace(lines, c.lit == "") {
				t.Errorf("the screen shows no face of these minutes:\n%s", strings.Join(lines, "\n"))
			}
			if got := strings.Contains(term.raw(), "\x1b[1;93m"); got != (c.lit != "") {
				t.Errorf("colour used: %t", got)
			}
			if c.lit == "" && sgr.MatchString(term.raw()) {
				t.Error("NO_COLOR, and there are colours")
			}

			// Ctrl-C: exit status 0, the face goes, the log stays.
			if _, err := term.master.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("after Ctrl-C: %v", err)
			}
			term.until(t, func(lines []string) bool {
				return count(lines, "leds_out") == 1 && count(lines, "time: synced") == 0
			})
		})
	}
}

// TestLowTerminal: where the picture does not fit there is one line.
func TestLowTerminal(t *testing.T) {
	t.Parallel()
	term := openTerminal(t, 10)
	cmd := term.start(t, "TERM=xterm")
	term.until(t, func(lines []string) bool {
		return count(lines, "time: synced") == 1 && count(lines, "ES IST") == 1 && term.paints() >= 3
	})
	lines := term.screen()
	if count(lines, "ES IST") != 1 || count(lines, "●")+count(lines, "○") != 0 {
		t.Errorf("want one line:\n%s", strings.Join(lines, "\n"))
	}
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// showsFace reports whether the lines hold the picture of the present minute,
// or of one next to it, and its words. Where lit letters differ by their colour
// only, the words have to do.
func showsFace(lines []string, points bool) bool {
	zone, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		return false
	}
	for d := -1; d <= 1; d++ {
		at := time.Now().In(zone).Add(time.Duration(d) * time.Minute)
		p := face.Say(at.Hour(), at.Minute(), face.Default)
		want := picture(p.Mask(), !points)
		for i := range want {
			want[i] = strings.TrimRight(sgr.ReplaceAllString(want[i], ""), " ")
		}
		for i := range lines {
			if i+len(want) <= len(lines) && slices.Equal(lines[i:i+len(want)], want) && slices.Contains(lines, " "+p.String()) {
				return true
			}
		}
	}
	return false
}

var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func count(lines []string, part string) (n int) {
	for _, l := range lines {
		n += strings.Count(l, part)
	}
	return n
}

// A terminal is a pseudo-terminal whose screen can be looked at.
type terminal struct {
	master, slave *os.File

	mu   sync.Mutex
	got  []byte
	more chan struct{} // has an element when there is more to see
}

func openTerminal(t *testing.T, rows uint16) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: 100}); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{master: master, slave: slave, more: make(chan struct{}, 1)}
	go p.read()
	t.Cleanup(func() { slave.Close(); master.Close() })
	return p
}

func (p *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := p.master.Read(buf)
		p.mu.Lock()
		p.got = append(p.got, buf[:n]...)
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// start runs the clock with the terminal as its own.
func (p *terminal) start(t *testing.T, environ string, args ...string) *exec.Cmd {
	t.Helper()
	return p.launch(t, environ, append([]string{"run", "--state", t.TempDir()}, args...)...)
}

// launch runs a verb with the terminal as its own.
func (p *terminal) launch(t *testing.T, environ string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("wordclockd", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	cmd.Env = append(os.Environ(), "TERM=xterm", environ)
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// until waits for the screen to satisfy f; the test's own time limit ends it.
func (p *terminal) until(t *testing.T, f func(lines []string) bool) {
	t.Helper()
	limit := time.After(time.Minute)
	for !f(p.screen()) {
		select {
		case <-p.more:
		case <-limit:
			t.Fatalf("the screen does not come to what it should:\n%s", strings.Join(p.screen(), "\n"))
		}
	}
}

func (p *terminal) raw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.got)
}

// paints returns how often the foot of the block was drawn.
func (p *terminal) paints() int { return strings.Count(p.raw(), "time: synced") }

var escape = regexp.MustCompile(`^\x1b\[(\??[0-9;]*)([A-Za-z])`)

// screen returns the lines as they stand there now. It knows the controls that
// the program uses, and fails on any other by leaving it visible.
func (p *terminal) screen() []string {
	lines, row, col := [][]rune{nil}, 0, 0
	for text := p.raw(); text != ""; {
		if m := escape.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			switch m[2] {
			case "A":
				n, _ := strconv.Atoi(m[1])
				row = max(row-n, 0)
			case "J":
				lines = lines[:row+1]
				fallthrough
			case "K":
				lines[row] = lines[row][:min(col, len(lines[row]))]
			case "m", "h", "l":
			default:
				panic(fmt.Sprintf("unknown control %q", m[0]))
			}
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\r':
			col = 0
		case '\n':
			if row++; row == len(lines) {
				lines = append(lines, nil)
			}
		default:
			for len(lines[row]) <= col {
				lines[row] = append(lines[row], ' ')
			}
			lines[row][col] = r
			col++
		}
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(string(l), " ")
	}
	return out
}
