package sim

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A ServerFault is what is wrong with a time server.
type ServerFault uint8

const (
	Up             ServerFault = iota
	Down                       // it does not answer
	Refused                    // nobody listens on its port
	Unsynchronised             // it does not know the time, and says so
	Kiss                       // it says that it is asked too often: kiss-o'-death RATE (RFC 5905 7.4)
	Garbage                    // its answers are noise
)

var serverFaults = [...]string{
	Up: "up", Down: "down", Refused: "refused", Unsynchronised: "unsynchronised", Kiss: "kiss", Garbage: "garbage",
}

func (f ServerFault) String() string {
	if int(f) >= len(serverFaults) {
		return fmt.Sprintf("ServerFault(%d)", uint8(f))
	}
	return serverFaults[f]
}

// ParseServerFault is the inverse of [ServerFault.String].
func ParseServerFault(name string) (ServerFault, error) {
	if i := slices.Index(serverFaults[:], name); i >= 0 {
		return ServerFault(i), nil
	}
	return 0, fmt.Errorf("time server %q: want %s", name, strings.Join(serverFaults[:], ", "))
}

// A TimeServer models an NTP server of stratum 2 and the network to it. Its
// clock is that of the program until it is told to differ. It is safe for
// concurrent use.
type TimeServer struct {
	mu          sync.Mutex
	mark        time.Time     // when its clock was
	offset      time.Duration // off the program's; 0 stays 0, though somebody sets the host's clock
	ppm         float64       // it gains since
	there, back time.Duration
	fault       ServerFault
	asked       int
}

// NewTimeServer returns a server that is right.
func NewTimeServer() *TimeServer {
	return &TimeServer{}
}

// Now returns what the clock of the server shows.
func (s *TimeServer) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at(time.Now())
}

func (s *TimeServer) at(t time.Time) time.Time {
	return t.UTC().Round(0).Add(s.off(t))
}

func (s *TimeServer) off(t time.Time) time.Duration {
	if s.ppm == 0 {
		return s.offset
	}
	return s.offset + time.Duration(float64(t.Sub(s.mark))*s.ppm/1e6)
}

// SetOffset sets the clock of the server, off the program's by d.
func (s *TimeServer) SetOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark, s.offset = time.Now(), d
}

// SetRate makes the clock of the server gain ppm millionths on the program's,
// which is to say that the program's loses them.
func (s *TimeServer) SetRate(ppm float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.mark, s.offset, s.ppm = now, s.off(now), ppm
}

// SetDelay sets how long datagrams are under way, to the server and back.
func (s *TimeServer) SetDelay(there, back time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.there, s.back = max(there, 0), max(back, 0)
}

// SetFault sets what is wrong with the server, from now on.
func (s *TimeServer) SetFault(f ServerFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Fault returns what is wrong with the server.
func (s *TimeServer) Fault() ServerFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// Offset returns how far the clock of the server is off the program's.
func (s *TimeServer) Offset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.off(time.Now())
}

// Asked returns how many requests have reached the server, or its host.
func (s *TimeServer) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Disciplines reports whether a host that followed this server would show what
// the program's clock does: it answers, and neither differs nor drifts.
func (s *TimeServer) Disciplines() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault == Up && s.ppm == 0 && s.offset == 0
}

// Dial connects to the server, whatever it is called.
func (s *TimeServer) Dial(_, remote string) (net.Conn, error) {
	return &ntpConn{server: s, remote: ntpAddr(remote), change: make(chan struct{})}, nil
}

// TimeServers are time servers by their host names.
type TimeServers map[string]*TimeServer

// Dial connects to the server that remote, host:port, names.
func (m TimeServers) Dial(local, remote string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return nil, err
	}
	if s := m[host]; s != nil {
		return s.Dial(local, remote)
	}
	return nil, &net.OpError{Op: "dial", Net: "udp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// answer returns what comes back for a request that is sent now, and when. A
// nil packet without an error is one that never comes.
func (s *TimeServer) answer(request []byte) (packet []byte, due time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	now := time.Now()
	due = now.Add(s.there + s.back)
	switch {
	case s.fault == Refused:
		return nil, due, syscall.ECONNREFUSED
	case s.fault == Down || !isNTPRequest(request):
		return nil, due, nil
	case s.fault == Garbage:
		return noise(s.asked), due, nil
	}
	return ntpAnswer(s.fault, request, s.at(now.Add(s.there))), due, nil
}
