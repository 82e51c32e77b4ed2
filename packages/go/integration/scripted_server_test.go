package integration

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1/lockstepv1connect"
)

// scriptedServer answers as a test tells it to and keeps what it was asked. It speaks Connect to the Go
// program and gRPC to the Rust one.
type scriptedServer struct {
	lockstepv1connect.UnimplementedSessionServiceHandler
	lockstepv1connect.UnimplementedLockServiceHandler
	ttlMs     int64
	keepAlive func(context.Context, *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error)
	// What Acquire does the first time, the second time and so on; the last one goes on.
	acquire []func(context.Context) (*lockstepv1.AcquireResponse, error)

	mutex    sync.Mutex
	acquires []*lockstepv1.AcquireRequest
	releases []*lockstepv1.ReleaseRequest
	closes   []*lockstepv1.CloseSessionRequest
}

func (s *scriptedServer) start(t *testing.T) string {
	mux := http.NewServeMux()
	mux.Handle(lockstepv1connect.NewSessionServiceHandler(s))
	mux.Handle(lockstepv1connect.NewLockServiceHandler(s))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.CloseClientConnections)
	return strings.TrimPrefix(server.URL, "http://")
}

func (s *scriptedServer) OpenSession(_ context.Context, request *lockstepv1.OpenSessionRequest) (*lockstepv1.OpenSessionResponse, error) {
	if len(request.Secret) != 32 {
		return nil, errors.New("the secret is not 32 bytes")
	}
	return &lockstepv1.OpenSessionResponse{Header: header(), SessionId: 5, TtlMs: s.ttlMs}, nil
}

func (s *scriptedServer) KeepAlive(ctx context.Context, request *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
	return s.keepAlive(ctx, request)
}

func (s *scriptedServer) Acquire(ctx context.Context, request *lockstepv1.AcquireRequest) (*lockstepv1.AcquireResponse, error) {
	s.mutex.Lock()
	answer := s.acquire[min(len(s.acquires), len(s.acquire)-1)]
	s.acquires = append(s.acquires, request)
	s.mutex.Unlock()
	return answer(ctx)
}

func (s *scriptedServer) Release(_ context.Context, request *lockstepv1.ReleaseRequest) (*lockstepv1.ReleaseResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.releases = append(s.releases, request)
	return &lockstepv1.ReleaseResponse{Header: header(), Outcome: lockstepv1.ReleaseOutcome_RELEASE_OUTCOME_RELEASED}, nil
}

func (s *scriptedServer) CheckFence(_ context.Context, request *lockstepv1.CheckFenceRequest) (*lockstepv1.CheckFenceResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	status := lockstepv1.FenceStatus_FENCE_STATUS_CURRENT
	if len(s.releases) > 0 {
		status = lockstepv1.FenceStatus_FENCE_STATUS_STALE
	}
	return &lockstepv1.CheckFenceResponse{Header: header(), Status: status}, nil
}

func (s *scriptedServer) CloseSession(_ context.Context, request *lockstepv1.CloseSessionRequest) (*lockstepv1.CloseSessionResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closes = append(s.closes, request)
	return &lockstepv1.CloseSessionResponse{Header: header(), State: lockstepv1.SessionState_SESSION_STATE_CLOSED}, nil
}

func header() *lockstepv1.ReplyHeader {
	return &lockstepv1.ReplyHeader{ClusterId: "scripted", Epoch: 1, Revision: 9}
}

func acknowledge(_ context.Context, request *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
	return &lockstepv1.KeepAliveResponse{Header: header(), Seq: request.Seq}, nil
}

func granted(context.Context) (*lockstepv1.AcquireResponse, error) {
	return &lockstepv1.AcquireResponse{Header: header(), Outcome: &lockstepv1.AcquireResponse_Granted{
		Granted: &lockstepv1.Granted{HoldId: 7, Token: 42},
	}}, nil
}

func queued(context.Context) (*lockstepv1.AcquireResponse, error) {
	return &lockstepv1.AcquireResponse{Header: header(), Outcome: &lockstepv1.AcquireResponse_Queued{
		Queued: &lockstepv1.Queued{TicketId: 3},
	}}, nil
}

func denied(context.Context) (*lockstepv1.AcquireResponse, error) {
	return &lockstepv1.AcquireResponse{Header: header(), Outcome: &lockstepv1.AcquireResponse_Denied{
		Denied: &lockstepv1.Denied{Reason: lockstepv1.DeniedReason_DENIED_REASON_WAIT_TIMED_OUT},
	}}, nil
}

func fault(context.Context) (*lockstepv1.AcquireResponse, error) {
	return nil, connect.NewError(connect.CodeAborted, errors.New("cut"))
}

func never(ctx context.Context) (*lockstepv1.AcquireResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func refusal(code connect.Code, reason lockstepv1.ErrorReason) error {
	err := connect.NewError(code, errors.New("refused"))
	if detail, detailErr := connect.NewErrorDetail(&lockstepv1.ErrorDetail{Reason: reason}); detailErr == nil {
		err.AddDetail(detail)
	}
	return err
}
