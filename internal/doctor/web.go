package doctor

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"wordclockd/internal/ota"
)

// A Web is how the sources of firmware are reached.
type Web struct {
	Agent  string // what to be called, such as wordclockd/3.0.0
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   ota.Dial
	Proxy  func(*http.Request) (*url.URL, error) // by whom a request goes; nil is nobody
}

// ThisWeb is the web as this host sees it.
func ThisWeb(agent string) Web {
	return Web{
		Agent: agent,
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Dial:  (&net.Dialer{}).DialContext,
		Proxy: http.ProxyFromEnvironment,
	}
}
