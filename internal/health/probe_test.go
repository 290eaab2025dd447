package health

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

const (
	head4  = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	lan4   = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
	route4 = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
	down4  = "eth0\t00000000\t0101A8C0\t0002\t0\t0\t100\t00000000\t0\t0\t0\n"
	half4  = "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"

	zero6   = "00000000000000000000000000000000"
	route6  = zero6 + " 00 " + zero6 + " 00 fe80000000000000022590fffe000001 00000400 00000001 00000000 00450003     eth0\n"
	reject6 = zero6 + " 00 " + zero6 + " 00 " + zero6 + " ffffffff 00000001 00000000 00200200       lo\n"
	lan6    = "fd000000000000000000000000000000 40 " + zero6 + " 00 " + zero6 + " 00000100 00000001 00000000 00000001     eth0\n"
)

func routes(v4, v6 string) fs.FS {
	m := fstest.MapFS{}
	if v4 != "" {
		m["net/route"] = &fstest.MapFile{Data: []byte(v4)}
	}
	if v6 != "" {
		m["net/ipv6_route"] = &fstest.MapFile{Data: []byte(v6)}
	}
	return m
}

// calls are the addresses that were asked.
type calls struct {
	mu    sync.Mutex
	addrs []string
}

func (c *calls) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(c.addrs)), " ")
}

func (c *calls) add(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addrs = append(c.addrs, addr)
}

// dialer answers at some addresses; all others refuse, but for those that are silent.
func dialer(asked *calls, up ...string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		asked.add(addr)
		switch {
		case slices.Contains(up, addr):
			c, _ := net.Pipe()
			return c, nil
		case strings.HasPrefix(addr, "silent"):
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
}

func TestNetwork(t *testing.T) {
	both := []string{"https://one.test/version.json", "https://two.test:8443/version.json"}
	const noRoute = "no default route: check cable or Wi-Fi, and whether the router gives addresses"
	for _, c := range []struct {
		name  string
		proc  fs.FS
		urls  []string
		up    []string
		asked string
		want  string
	}{
		{"by IPv4", routes(head4+lan4+route4, reject6), both, []string{"one.test:443"}, "one.test:443 two.test:8443", ""},
		{"by IPv6", routes(head4, lan6+route6), both, []string{"one.test:443"}, "one.test:443 two.test:8443", ""},
		{"by IPv6 alone", routes("", route6), both, []string{"one.test:443"}, "one.test:443 two.test:8443", ""},
		{"the other one", routes(head4+route4, ""), both, []string{"two.test:8443"}, "one.test:443 two.test:8443", ""},
		{"neither", routes(head4+route4, ""), both, nil, "one.test:443 two.test:8443",
			"connect to one.test:443: connection refused; connect to two.test:8443: connection refused"},
		{"one host for both is asked once", routes(head4+route4, ""), []string{both[0], "https://one.test/other"}, nil, "one.test:443", "connect to one.test:443: connection refused"},
		{"silence is left", routes(head4+route4, ""), []string{"http://silent.test/a", both[0]}, nil, "one.test:443 silent.test:80",
			"connect to silent.test:80: no answer within 4s; connect to one.test:443: connection refused"},
		{"both are silent", routes(head4+route4, ""), []string{"http://silent.test/a", "https://silent.too/a"}, nil, "silent.test:80 silent.too:443",
			"connect to silent.test:80: no answer within 4s; connect to silent.too:443: no answer within 4s"},
		{"silence holds up nobody", routes(head4+route4, ""), []string{"http://silent.test/a", both[0]}, []string{"one.test:443"}, "one.test:443 silent.test:80", ""},
		{"no route", routes(head4+lan4, reject6+lan6), both, both, "", noRoute},
		{"route that is down", routes(head4+down4, ""), both, both, "", noRoute},
		{"routes to nowhere", routes(head4+"*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n",
			strings.Replace(reject6, "      lo", "    eth0", 1)+strings.Replace(route6, "    eth0", "      lo", 1)), both, both, "", noRoute},
		{"half of all addresses", routes(head4+half4, ""), both, both, "", noRoute},
		{"this host needs no route", routes(head4, ""), []string{"https://127.0.0.1:8443/a"}, []string{"127.0.0.1:8443"}, "127.0.0.1:8443", ""},
		{"nor by its name", routes(head4, ""), []string{both[0], "https://localhost/a"}, []string{"localhost:443"}, "localhost:443", ""},
		{"nor by IPv6", routes(head4, ""), []string{"https://[::1]/a"}, []string{"[::1]:443"}, "[::1]:443", ""},
		{"nobody knows of routes", fstest.MapFS{}, both, both, "", "read routes: open net/route: file does not exist"},
		{"nonsense", routes("eth0\n\x00\xff", "00\n"), both, both, "", noRoute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked calls
				n := Network{Proc: c.proc, URLs: parsed(t, c.urls...), Dial: dialer(&asked, c.up...)}
				begin := time.Now()
				_, err := n.Probe(t.Context())
				if got := text(err); got != c.want {
					t.Errorf("error %q, want %q", got, c.want)
				}
				if got := asked.String(); got != c.asked {
					t.Errorf("asks %q, want %q", got, c.asked)
				}
				if took := time.Since(begin); err == nil && took > 0 || took > reachLimit {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestProxy is who has to answer when there is one.
func TestProxy(t *testing.T) {
	var asked calls
	n := Network{
		Proc: routes(head4+route4, ""), URLs: parsed(t, "https://one.test/a", "https://two.test/a"), Dial: dialer(&asked, "proxy.test:3128"),
		Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.test:3128") },
	}
	if _, err := n.Probe(t.Context()); err != nil || asked.String() != "proxy.test:3128" {
		t.Errorf("asks %q, %v", asked.String(), err)
	}
	n.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("invalid proxy address") }
	if _, err := n.Probe(t.Context()); text(err) != "find proxy for one.test: invalid proxy address; find proxy for two.test: invalid proxy address" {
		t.Errorf("error %v", err)
	}
}

// TestMemory reads what Linux writes.
func TestMemory(t *testing.T) {
	const total = "MemTotal:         439208 kB\n"
	for _, c := range []struct {
		name, meminfo, status string
		want                  string
	}{
		{"enough", total + "MemAvailable:      16384 kB\n", "VmRSS:\t  131072 kB\n", ""},
		{"too little", total + "MemAvailable:      16383 kB\n", "VmRSS:\t   30720 kB\n", "available: 16.0 MiB are left, want 16: something on this host takes the rest"},
		{"too much", total + "MemAvailable:     163840 kB\n", "VmPeak: 999999 kB\nVmRSS:\t  141073 kB\n", "own: the clock takes 137.8 MiB, and 128 should do"},
		{"both", total + "MemAvailable:         0 kB\n", "VmRSS:\t  141073 kB\n",
			"available: 0.0 MiB are left, want 16: something on this host takes the rest; own: the clock takes 137.8 MiB, and 128 should do"},
		{"not told", total, "VmRSS: 1 kB\n", "read memory: meminfo: no MemAvailable"},
		{"not told of itself", "MemAvailable: 163840 kB\n", "Name: x\n", "read memory: self/status: no VmRSS"},
		{"nonsense", "MemAvailable: lots kB\n", "", `read memory: meminfo: strconv.ParseInt: parsing "lots": invalid syntax`},
		{"too large a number", "MemAvailable: 99999999999999999 kB\n", "", `read memory: meminfo: strconv.ParseInt: parsing "99999999999999999": value out of range`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Memory{Least: LeastMemory, Most: MostMemory, Proc: fstest.MapFS{
				"meminfo": {Data: []byte(c.meminfo)}, "self/status": {Data: []byte(c.status)},
			}}
			faults, err := m.Probe(t.Context())
			if err != nil {
				faults = []Fault{{Text: err.Error()}}
			}
			if got := listed(faults); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if _, err := (Memory{Proc: fstest.MapFS{}}).Probe(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestConnectionIsClosed: it was only to see whether there can be one.
func TestConnectionIsClosed(t *testing.T) {
	here, there := net.Pipe()
	n := Network{Proc: routes(head4+route4, ""), URLs: parsed(t, "https://one.test/a"),
		Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil }}
	if _, err := n.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = there.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := there.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func parsed(t *testing.T, urls ...string) (all []*url.URL) {
	t.Helper()
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestBeyond: who wants nothing but this host needs no route.
func TestBeyond(t *testing.T) {
	for want, urls := range map[bool][][]string{
		false: {nil, {"http://127.0.0.1/a"}, {"mqtt://localhost", "https://[::1]:8443/a"}},
		true:  {{"http://127.0.0.1/a", "https://one.test/a"}, {"mqtts://broker.test"}, {"mqtt://192.0.2.1:1883"}},
	} {
		for _, u := range urls {
			if got := (Network{URLs: parsed(t, u...)}).Beyond(); got != want {
				t.Errorf("%q: %t", u, got)
			}
		}
	}
	n := Network{URLs: parsed(t, "http://127.0.0.1/a")}
	n.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.test:3128") }
	if !n.Beyond() {
		t.Error("the proxy is elsewhere")
	}
}

// TestBrokerPort is that of the scheme.
func TestBrokerPort(t *testing.T) {
	for u, want := range map[string]string{
		"mqtt://b.test": "b.test:1883", "tcp://b.test": "b.test:1883", "mqtts://b.test": "b.test:8883", "ssl://b.test/": "b.test:8883",
		"tls://b.test": "b.test:8883", "mqtt://[::1]:99": "[::1]:99",
	} {
		if got, err := (Network{}).address(parsed(t, u)[0]); got != want || err != nil {
			t.Errorf("%s: %s, %v", u, got, err)
		}
	}
}
