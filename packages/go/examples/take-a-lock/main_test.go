package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
)

type acquireAnswers = []func(context.Context) (*lockstepv1.AcquireResponse, error)

func TestItPrintsTheSequencerAndBothVerdicts(t *testing.T) {
	t.Parallel()
	server := &fakeServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{granted}}
	output, err := take(t, server)
	if want := "orders/42/EXCLUSIVE/42\nCURRENT\nSTALE\n"; err != nil || output != want {
		t.Errorf("printed %q, error %v", output, err)
	}
	if len(server.closes) != 1 {
		t.Errorf("closed the session %d times", len(server.closes))
	}
}

func TestItConfirmsTheRepliesItHas(t *testing.T) {
	t.Parallel()
	server := &fakeServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{granted}}
	if _, err := take(t, server); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(server.acquires[0].Answered); got != "[]" {
		t.Errorf("Acquire confirms %s", got)
	}
	expectAnswered(t, "Release", server.releases[0].RequestId, server.releases[0].Answered, 2)
	expectAnswered(t, "Close", server.closes[0].RequestId, server.closes[0].Answered, 3)
}

func TestItGoesOnWaitingWithTheSameRequestIDWhenQueuedAndAfterAFault(t *testing.T) {
	t.Parallel()
	server := &fakeServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{queued, fault, queued, granted}}
	if _, err := take(t, server); err != nil {
		t.Fatal(err)
	}
	if len(server.acquires) != 4 {
		t.Fatalf("asked %d times", len(server.acquires))
	}
	for _, request := range server.acquires {
		if request.RequestId != 1 {
			t.Errorf("asked with request id %d", request.RequestId)
		}
	}
}

func TestADenialIsTheEndAndClosesTheSession(t *testing.T) {
	t.Parallel()
	server := &fakeServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{denied}}
	output, err := take(t, server)
	expectFailure(t, err, "DENIED_REASON_WAIT_TIMED_OUT")
	if output != "" || len(server.closes) != 1 {
		t.Errorf("printed %q, closed %d times", output, len(server.closes))
	}
}

func TestARefusalIsNamedByItsReason(t *testing.T) {
	t.Parallel()
	refused := func(context.Context) (*lockstepv1.AcquireResponse, error) {
		return nil, refusal(connect.CodeResourceExhausted, lockstepv1.ErrorReason_ERROR_REASON_LIMIT_EXCEEDED)
	}
	_, err := take(t, &fakeServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{refused}})
	expectFailure(t, err, "ERROR_REASON_LIMIT_EXCEEDED")
}

func TestTheLeaseEndsWhenNoKeepAliveIsAcknowledged(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context, _ *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	server := &fakeServer{ttlMs: 300, keepAlive: silent, acquire: acquireAnswers{never}}
	_, err := take(t, server)
	expectFailure(t, err, "not renewed in time")
	if len(server.closes) != 0 {
		t.Error("closed a session that may belong to nobody")
	}
}

func TestAcknowledgedKeepAlivesCarryTheLeaseOverItsFirstDeadline(t *testing.T) {
	t.Parallel()
	renewed := make(chan struct{})
	counting := func(ctx context.Context, request *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
		if request.Seq == 4 { // Sent after the first deadline.
			close(renewed)
		}
		return acknowledge(ctx, request)
	}
	late := func(ctx context.Context) (*lockstepv1.AcquireResponse, error) {
		select {
		case <-renewed:
			return granted(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if _, err := take(t, &fakeServer{ttlMs: 1_500, keepAlive: counting, acquire: acquireAnswers{late}}); err != nil {
		t.Error(err)
	}
}

func TestTheLeaseEndsWhenTheServerSaysSo(t *testing.T) {
	t.Parallel()
	answers := map[string]func(*lockstepv1.KeepAliveResponse) error{
		"ERROR_REASON_SESSION_EXPIRED": func(*lockstepv1.KeepAliveResponse) error {
			return refusal(connect.CodeFailedPrecondition, lockstepv1.ErrorReason_ERROR_REASON_SESSION_EXPIRED)
		},
		"took the lock away": func(reply *lockstepv1.KeepAliveResponse) error { reply.SessionRevision = 8; return nil },
		"was restarted":      func(reply *lockstepv1.KeepAliveResponse) error { reply.Header.Epoch = 2; return nil },
	}
	for want, change := range answers {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			keepAlive := func(ctx context.Context, request *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
				reply, _ := acknowledge(ctx, request)
				return reply, change(reply)
			}
			_, err := take(t, &fakeServer{ttlMs: 2_000, keepAlive: keepAlive, acquire: acquireAnswers{never}})
			expectFailure(t, err, want)
		})
	}
}

func take(t *testing.T, server *fakeServer) (string, error) {
	t.Helper()
	var output strings.Builder
	err := takeALock("orders/42", server.start(t), &output)
	return output.String(), err
}

func expectFailure(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(explain(err), want) {
		t.Errorf("error %v does not say %q", err, want)
	}
}

func expectAnswered(t *testing.T, call string, id uint64, answered []*lockstepv1.IdRange, wantID uint64) {
	t.Helper()
	if id != wantID || len(answered) != 1 || answered[0].First != 1 || answered[0].Last != wantID-1 {
		t.Errorf("%s has request id %d and confirms %v", call, id, answered)
	}
}
