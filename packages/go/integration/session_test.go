package integration

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1/lockstepv1connect"
)

// session is a session of the test itself, on the bare stubs. It lives long enough without keep-alives.
type session struct {
	t         *testing.T
	sessions  lockstepv1connect.SessionServiceClient
	locks     lockstepv1connect.LockServiceClient
	ref       *lockstepv1.SessionRef
	requestID uint64
}

func openSession(t *testing.T, address string) *session {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	s := &session{
		t:        t,
		sessions: lockstepv1connect.NewSessionServiceClient(client, "http://"+address),
		locks:    lockstepv1connect.NewLockServiceClient(client, "http://"+address),
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	opened := must(s.sessions.OpenSession(t.Context(), &lockstepv1.OpenSessionRequest{
		Namespace: "default", Secret: secret, TtlMs: 600_000,
	}))(t)
	s.ref = &lockstepv1.SessionRef{Namespace: "default", SessionId: opened.SessionId, Secret: secret}
	return s
}

func (s *session) acquire(key string) *lockstepv1.Granted {
	s.t.Helper()
	s.requestID++
	reply := must(s.locks.Acquire(s.t.Context(), &lockstepv1.AcquireRequest{
		Session: s.ref, RequestId: s.requestID,
		Targets: []*lockstepv1.LockTarget{{Key: key, Mode: lockstepv1.LockMode_LOCK_MODE_EXCLUSIVE}},
	}))(s.t)
	if reply.GetGranted() == nil {
		s.t.Fatalf("not granted: %v", reply)
	}
	return reply.GetGranted()
}

func (s *session) release(granted *lockstepv1.Granted) {
	s.t.Helper()
	s.requestID++
	must(s.locks.Release(s.t.Context(), &lockstepv1.ReleaseRequest{
		Session: s.ref, RequestId: s.requestID, HoldId: granted.HoldId, Token: granted.Token,
	}))(s.t)
}

// tickets is a watch that sees acquires start to wait.
type tickets struct {
	t      *testing.T
	stream *connect.ServerStreamForClient[lockstepv1.WatchResponse]
	seen   []*lockstepv1.Event
}

func (s *session) watchTickets(key string) *tickets {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	current := must(s.locks.GetLock(ctx, &lockstepv1.GetLockRequest{Namespace: "default", Key: key}))(s.t)
	stream := must(s.locks.Watch(ctx, &lockstepv1.WatchRequest{
		Namespace: "default", Filter: &lockstepv1.EventFilter{Keys: []string{key}},
		AfterRevision: &current.Header.Revision,
	}))(s.t)
	return &tickets{t: s.t, stream: stream}
}

// next returns when one more acquire waits.
func (w *tickets) next() {
	w.t.Helper()
	for {
		for len(w.seen) > 0 {
			event := w.seen[0]
			w.seen = w.seen[1:]
			if event.GetLockQueued() != nil {
				return
			}
		}
		if !w.stream.Receive() {
			w.t.Fatalf("the watch ended: %v", w.stream.Err())
		}
		w.seen = w.stream.Msg().Events
	}
}

// must ends the test on an error: must(call())(t).
func must[Value any](value Value, err error) func(*testing.T) Value {
	return func(t *testing.T) Value {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
