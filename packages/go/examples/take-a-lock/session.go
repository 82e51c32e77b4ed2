package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/lockstep-sync/lockstep/packages/go"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1/lockstepv1connect"
)

const (
	openTimeout = 5 * time.Second
	retryPause  = 200 * time.Millisecond
)

// session is a session that is kept alive until it is closed. Its requests go one after the other.
type session struct {
	sessions lockstepv1connect.SessionServiceClient
	locks    lockstepv1connect.LockServiceClient
	ref      *lockstepv1.SessionRef
	epoch    uint64
	ttl      time.Duration
	// Done when the session may have ended: whatever it held must be taken as lost.
	lease context.Context
	end   context.CancelCauseFunc
	// The newest request id. The requests before it have their final replies.
	newest atomic.Uint64
}

func openSession(address string) (*session, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // Never fails: the program ends first.
	url := "http://" + address
	s := &session{
		// A connection each: a keep-alive must never queue behind calls that wait.
		sessions: lockstepv1connect.NewSessionServiceClient(cleartextHTTP2(), url),
		locks:    lockstepv1connect.NewLockServiceClient(cleartextHTTP2(), url),
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	sent := time.Now()
	opened, err := s.sessions.OpenSession(ctx, &lockstepv1.OpenSessionRequest{
		Namespace: namespace, Secret: secret, DisplayName: "take-a-lock (Go)",
	})
	if err != nil {
		return nil, err
	}
	s.ref = &lockstepv1.SessionRef{Namespace: namespace, SessionId: opened.SessionId, Secret: secret}
	s.epoch = opened.Header.Epoch
	s.ttl = time.Duration(opened.TtlMs) * time.Millisecond
	s.lease, s.end = context.WithCancelCause(context.Background())
	go s.keepAlive(sent)
	return s, nil
}

func cleartextHTTP2() *http.Client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: &protocols}}
}

// keepAlive renews the session every third of its time to live and ends the lease when that has not
// worked in time. Time counts from when the last acknowledged attempt was sent: the server counts from
// its receipt, which is later.
func (s *session) keepAlive(sent time.Time) {
	expired := time.AfterFunc(s.remaining(sent), func() { s.end(errors.New("the session was not renewed in time")) })
	pause := s.ttl / 3
	for attempt := uint64(1); s.pause(pause); attempt++ {
		sent = time.Now()
		ctx, cancel := context.WithTimeout(s.lease, s.ttl/3)
		reply, err := s.sessions.KeepAlive(ctx, &lockstepv1.KeepAliveRequest{Session: s.ref, Seq: attempt, Answered: s.answered()})
		cancel()
		switch {
		case isAnswer(err):
			s.end(err)
		case err != nil:
			pause = retryPause
		case reply.SessionRevision > 0 || reply.Header.Epoch != s.epoch:
			// A hold was taken, or the server started again. GetSession would tell what is still held;
			// this program just stops.
			s.end(errors.New("the server took the lock away or was restarted"))
		case expired.Stop():
			expired.Reset(s.remaining(sent))
			pause = s.ttl / 3
		}
	}
	expired.Stop()
}

func (s *session) remaining(sent time.Time) time.Duration {
	return time.Until(sent.Add(s.ttl*99/100 - 10*time.Millisecond))
}

// pause waits and reports whether the lease goes on.
func (s *session) pause(duration time.Duration) bool {
	select {
	case <-s.lease.Done():
		return false
	case <-time.After(duration):
		return true
	}
}

// close gives back whatever the session holds. A session whose lease is over is left to expire.
func (s *session) close() error {
	if s.lease.Err() != nil {
		return nil
	}
	_, err := insist(s, &lockstepv1.CloseSessionRequest{Session: s.ref, RequestId: s.nextRequestID(), Answered: s.answered()}, s.sessions.CloseSession)
	s.end(errors.New("the session is closed"))
	return err
}

func (s *session) nextRequestID() uint64 { return s.newest.Add(1) }

// answered tells the server which outcomes it may forget.
func (s *session) answered() []*lockstepv1.IdRange {
	if newest := s.newest.Load(); newest > 1 {
		return []*lockstepv1.IdRange{{First: 1, Last: newest - 1}}
	}
	return nil
}

// insist repeats a call, with its request id, until the server has answered it or the lease is over.
func insist[Request, Reply any](s *session, request *Request, call func(context.Context, *Request) (*Reply, error)) (*Reply, error) {
	for {
		reply, err := call(s.lease, request)
		if err == nil || isAnswer(err) {
			return reply, err
		}
		if !s.pause(retryPause) {
			return nil, fmt.Errorf("%w (last error: %w)", context.Cause(s.lease), err)
		}
	}
}

// isAnswer tells a refusal from a fault on the way and from a server that asks to be called again.
func isAnswer(err error) bool {
	return lockstep.ErrorDetail(err) != nil && connect.CodeOf(err) != connect.CodeUnavailable
}
