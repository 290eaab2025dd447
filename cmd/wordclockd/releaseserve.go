package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wordclockd/internal/config"
	"wordclockd/internal/durable"
	"wordclockd/internal/release"
)

// A serveOptions says what is served, where, and how badly.
type serveOptions struct {
	dir, listen, ca string
	faults          []string
}

func newReleaseServe() *cobra.Command {
	o := serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Be a source of firmware, for a rehearsal",
		Long: `Serve a release to clocks, as GitHub or Cloudflare does, until told to stop by SIGINT
or SIGTERM, which is exit status 0. DIR holds wordclock.bin, and may hold the other
files of a release: what is there is served as it is, even if it is wrong; what is not
there follows from the image. Files may be changed meanwhile.

The first line on standard output says where it listens; the log, on standard error,
has a line for each request. Clocks take plain HTTP from their own host. With --ca it is
HTTPS, by a certificate made for this run, and FILE gets what clocks have to trust, in
ota.ca_file. To reach it from other hosts name an address of this one by --listen.

With --fault it goes wrong:
  404      it has no such file
  503      it is out of order
  hang     it takes the request, and never answers
  cut=N    the connection ends before byte N, and nothing from there on is sent
  stall=N  the same, but the connection stays, and is silent
  flip=N   byte N is inverted
  norange  who asks for the rest of a file gets all of it
  stale    wordclock.bin is an older image, the newest other one in DIR/targets

N is in bytes from the begin of the file, or such as 64K, 1M or 90%. The first three
concern all files, the others the image, unless a part of the release is named, as in
manifest:hang; there are manifest, image, pieces and other.`,
		Example: `  # An update whose source dies at 90 %, and the other one goes on:
  mkdir next; wordclockd image build --version 9.0.0 --size 1M -o next/wordclock.bin
  wordclockd release serve next --listen 127.0.0.1:8001 --fault cut=90% &
  wordclockd release serve next --listen 127.0.0.1:8002 &
  export WORDCLOCKD_OTA_SOURCES_GITHUB_MANIFEST=http://127.0.0.1:8001/version.json
  export WORDCLOCKD_OTA_SOURCES_GITHUB_IMAGE=http://127.0.0.1:8001/wordclock.bin
  export WORDCLOCKD_OTA_SOURCES_CLOUDFLARE_MANIFEST=http://127.0.0.1:8002/version.json
  export WORDCLOCKD_OTA_SOURCES_CLOUDFLARE_IMAGE=http://127.0.0.1:8002/wordclock.bin
  wordclockd run --state try &
  wordclockd ota update --state try --wait`,
		Args:        takes(1, 1),
		Annotations: exits(exitOK, exitError, exitUsage),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = args[0]
			if err := o.serve(cmd); err != nil {
				return fmt.Errorf("%s: %w", verb(cmd), err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:0", "`ADDR` to listen at, HOST:PORT; port 0 is any that is free")
	cmd.Flags().StringVar(&o.ca, "ca", "", "serve HTTPS, and write to `FILE` whom to trust")
	cmd.Flags().StringArrayVar(&o.faults, "fault", nil, "let it go wrong by `FAULT`; can be repeated")
	return cmd
}

func (o serveOptions) serve(cmd *cobra.Command) error {
	faults, err := parseFaults(o.faults)
	if err != nil {
		return usageError(err)
	}
	folder, err := release.OpenFolder(o.dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	console := openConsole(cmd.ErrOrStderr())
	defer console.close()
	log := newLog(console, config.Log{Level: slog.LevelInfo, Format: "auto"}, isTerminal(os.Stderr), paints(os.Stderr))
	server := release.NewServer(folder, faults, log)
	offer, err := folder.Offer()
	if err == nil {
		err = server.Check()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.dir, err)
	}
	misses, err := folder.Misses(faults)
	if err != nil {
		return fmt.Errorf("%s: %w", o.dir, err)
	}
	for _, text := range misses {
		log.Warn(text)
	}
	for _, text := range offer.Warnings {
		log.Warn("a clock will not like this release", "err", text)
	}
	l, url, err := o.open(cmd)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := o.announce(cmd, url, offer); err != nil {
		return err
	}
	return server.Serve(cmd.Context(), l)
}

// open listens, and returns the URL that leads there.
func (o serveOptions) open(cmd *cobra.Command) (net.Listener, string, error) {
	names, err := namesOf(o.listen)
	if err != nil {
		return nil, "", usageError(fmt.Errorf("--listen %q: %w", o.listen, err))
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, "", fmt.Errorf("%w: name another address by --listen", err)
	}
	host := at(names[0], l)
	if o.ca == "" {
		return l, "http://" + host, nil
	}
	secure, err := o.secure(cmd, l, names)
	if err != nil {
		l.Close()
		return nil, "", err
	}
	return secure, "https://" + host, nil
}

func parseFaults(texts []string) (faults []release.Fault, err error) {
	for _, text := range texts {
		f, err := release.ParseFault(text)
		if err != nil {
			return nil, err
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// secure returns l with TLS on it, by a certificate for names.
func (o serveOptions) secure(cmd *cobra.Command, l net.Listener, names []string) (net.Listener, error) {
	if err := mayWrite("--ca", o.ca, own(stateOf(cmd))...); err != nil {
		return nil, err
	}
	cert, authority, err := release.Certify(time.Now(), names...)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(o.ca, authority, 0o644); err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}), nil
}

// announce says what can be had, and where.
func (o serveOptions) announce(cmd *cobra.Command, url string, offer release.Offer) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			URL     string `json:"url"`
			Version string `json:"version"` // "" if the manifest is none
			SHA256  string `json:"sha256"`
			CA      string `json:"ca"` // file; "" without HTTPS
		}{url, offer.Version, offer.SHA256, o.ca})
	}
	what := "no valid manifest"
	if offer.Version != "" {
		what = fmt.Sprintf("%s, sha256 %.8s…", offer.Version, offer.SHA256)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s serves %s\n", url, what)
	return err
}

// at returns the address of l by a name of this host.
func at(name string, l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(name, port)
}

// namesOf returns by what names who listens at an address can be reached, the best one
// first.
func namesOf(listen string) ([]string, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, errors.New("want HOST:PORT, such as 127.0.0.1:8001")
	}
	ip := net.ParseIP(host)
	local := []string{"127.0.0.1", "localhost", "::1"}
	switch {
	case host == "" || ip != nil && ip.IsUnspecified():
		return append(reachable(), local...), nil
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return append([]string{host}, local...), nil
	}
	return []string{host}, nil
}

// reachable returns the name of this host and its addresses.
func reachable() (names []string) {
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	addrs, _ := net.InterfaceAddrs() // without them there is still the name
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			names = append(names, n.IP.String())
		}
	}
	return names
}
