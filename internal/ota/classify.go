package ota

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
)

// CauseOf returns the cause of an error: that of an [Error] in its chain, else
// what errors of the network, of TLS and of contexts say. What it does not know
// is [Refused].
func CauseOf(err error) Cause {
	if err == nil {
		return NoCause
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Cause
	}
	if c := causeOfTLS(err); c != NoCause {
		return c
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return DNS // also when the resolver is what does not answer
	}
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timeout != nil && timeout.Timeout():
		return Timeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Truncated
	}
	return Refused
}

// causeOfTLS returns NoCause for what has nothing to do with TLS.
func causeOfTLS(err error) Cause {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return TLSName
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return TLSExpired
	}
	if is[x509.CertificateInvalidError](err) || is[x509.UnknownAuthorityError](err) || is[x509.SystemRootsError](err) ||
		is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || errors.Is(err, http.ErrSchemeMismatch) {
		return TLSUntrusted
	}
	// package tls does not export its alerts, but says who gave up.
	if e, ok := errors.AsType[*net.OpError](err); ok && (e.Op == "remote error" || e.Op == "local error") {
		return TLSUntrusted
	}
	return NoCause
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}
