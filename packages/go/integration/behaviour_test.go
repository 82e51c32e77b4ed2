package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
)

// Each of these holds for the program in every language.
var behaviours = map[string]func(*testing.T, program){
	"prints the sequencer and both verdicts":                   printsTheSequencerAndBothVerdicts,
	"confirms the replies it has":                              confirmsTheRepliesItHas,
	"waits on with the same request id when queued or cut off": waitsOnWithTheSameRequestID,
	"closes its session when denied":                           closesItsSessionWhenDenied,
	"names a refusal by its reason":                            namesARefusalByItsReason,
	"stops when no keep-alive is acknowledged":                 stopsWhenNoKeepAliveIsAcknowledged,
	"stops when keep-alives are no longer acknowledged":        stopsWhenKeepAlivesAreNoLongerAcknowledged,
	"goes on past its first deadline when renewed":             goesOnPastItsFirstDeadlineWhenRenewed,
	"stops when its session has ended":                         stopsWhenItsSessionHasEnded,
	"stops when a hold was taken from it":                      stopsWhenAHoldWasTaken,
	"stops when the server was restarted":                      stopsWhenTheServerWasRestarted,
}

// [GEN-60, GEN-61, GEN-65, GEN-83, SES-55, LOCK-135]
func TestTheProgramInGo(t *testing.T) { testBehaviours(t, goProgram(t)) }

// [GEN-60, GEN-61, GEN-65, GEN-83, SES-55, LOCK-135]
func TestTheProgramInRust(t *testing.T) { testBehaviours(t, rustProgram(t)) }

func testBehaviours(t *testing.T, program program) {
	for name, behaviour := range behaviours {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			behaviour(t, program)
		})
	}
}

type acquireAnswers = []func(context.Context) (*lockstepv1.AcquireResponse, error)

func printsTheSequencerAndBothVerdicts(t *testing.T, program program) {
	server := &scriptedServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{granted}}
	if token := program.takeFrom(t, server).token(t); token != 42 {
		t.Errorf("token %d", token)
	}
	if len(server.closes) != 1 {
		t.Errorf("closed the session %d times", len(server.closes))
	}
}

func confirmsTheRepliesItHas(t *testing.T, program program) {
	server := &scriptedServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{granted}}
	program.takeFrom(t, server).token(t)
	if got := fmt.Sprint(server.acquires[0].Answered); got != "[]" {
		t.Errorf("Acquire confirms %s", got)
	}
	expectAnswered(t, "Release", server.releases[0].RequestId, server.releases[0].Answered, 2)
	expectAnswered(t, "Close", server.closes[0].RequestId, server.closes[0].Answered, 3)
}

func waitsOnWithTheSameRequestID(t *testing.T, program program) {
	server := &scriptedServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{queued, fault, queued, granted}}
	program.takeFrom(t, server).token(t)
	if len(server.acquires) != 4 {
		t.Fatalf("asked %d times", len(server.acquires))
	}
	for _, request := range server.acquires {
		if request.RequestId != 1 {
			t.Errorf("asked with request id %d", request.RequestId)
		}
	}
}

func closesItsSessionWhenDenied(t *testing.T, program program) {
	server := &scriptedServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{denied}}
	end := program.takeFrom(t, server)
	end.expectFailure(t, "DENIED_REASON_WAIT_TIMED_OUT")
	if end.stdout != "" || len(server.closes) != 1 {
		t.Errorf("printed %q, closed %d times", end.stdout, len(server.closes))
	}
}

func namesARefusalByItsReason(t *testing.T, program program) {
	refused := func(context.Context) (*lockstepv1.AcquireResponse, error) {
		return nil, refusal(connect.CodeResourceExhausted, lockstepv1.ErrorReason_ERROR_REASON_LIMIT_EXCEEDED)
	}
	server := &scriptedServer{ttlMs: 15_000, keepAlive: acknowledge, acquire: acquireAnswers{refused}}
	program.takeFrom(t, server).expectFailure(t, "ERROR_REASON_LIMIT_EXCEEDED")
}

func stopsWhenNoKeepAliveIsAcknowledged(t *testing.T, program program) {
	stopsWhenAcknowledgementsEnd(t, program, 0)
}

func stopsWhenKeepAlivesAreNoLongerAcknowledged(t *testing.T, program program) {
	stopsWhenAcknowledgementsEnd(t, program, 2)
}

func stopsWhenAcknowledgementsEnd(t *testing.T, program program, acknowledged uint64) {
	t.Helper()
	keepAlive := func(ctx context.Context, request *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
		if request.Seq <= acknowledged {
			return acknowledge(ctx, request)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	server := &scriptedServer{ttlMs: 1_000, keepAlive: keepAlive, acquire: acquireAnswers{never}}
	program.takeFrom(t, server).expectFailure(t, "not renewed in time")
	if len(server.closes) != 0 {
		t.Error("closed a session that may have ended")
	}
}

func goesOnPastItsFirstDeadlineWhenRenewed(t *testing.T, program program) {
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
	program.takeFrom(t, &scriptedServer{ttlMs: 1_500, keepAlive: counting, acquire: acquireAnswers{late}}).token(t)
}

func stopsWhenItsSessionHasEnded(t *testing.T, program program) {
	stopsOnKeepAlive(t, program, "ERROR_REASON_SESSION_EXPIRED", func(*lockstepv1.KeepAliveResponse) error {
		return refusal(connect.CodeFailedPrecondition, lockstepv1.ErrorReason_ERROR_REASON_SESSION_EXPIRED)
	})
}

func stopsWhenAHoldWasTaken(t *testing.T, program program) {
	stopsOnKeepAlive(t, program, "took the lock away", func(reply *lockstepv1.KeepAliveResponse) error {
		reply.SessionRevision = 8
		return nil
	})
}

func stopsWhenTheServerWasRestarted(t *testing.T, program program) {
	stopsOnKeepAlive(t, program, "was restarted", func(reply *lockstepv1.KeepAliveResponse) error {
		reply.Header.Epoch = 2
		return nil
	})
}

func stopsOnKeepAlive(t *testing.T, program program, want string, change func(*lockstepv1.KeepAliveResponse) error) {
	t.Helper()
	keepAlive := func(ctx context.Context, request *lockstepv1.KeepAliveRequest) (*lockstepv1.KeepAliveResponse, error) {
		reply, err := acknowledge(ctx, request)
		if err == nil {
			err = change(reply)
		}
		return reply, err
	}
	server := &scriptedServer{ttlMs: 2_000, keepAlive: keepAlive, acquire: acquireAnswers{never}}
	program.takeFrom(t, server).expectFailure(t, want)
}

func (p program) takeFrom(t *testing.T, server *scriptedServer) outcome {
	t.Helper()
	return p.start(t, "orders/42", server.start(t))()
}

func (o outcome) expectFailure(t *testing.T, want string) {
	t.Helper()
	if o.exitCode != 1 || !strings.Contains(o.stderr, want) {
		t.Errorf("exit code %d without %q: %s", o.exitCode, want, o.stderr)
	}
}

func expectAnswered(t *testing.T, call string, id uint64, answered []*lockstepv1.IdRange, wantID uint64) {
	t.Helper()
	if id != wantID || len(answered) != 1 || answered[0].First != 1 || answered[0].Last != wantID-1 {
		t.Errorf("%s has request id %d and confirms %v", call, id, answered)
	}
}
