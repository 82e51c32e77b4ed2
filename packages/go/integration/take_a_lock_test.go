package integration

import (
	"strings"
	"testing"

	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"github.com/lockstep-sync/lockstep/packages/go/internal/servertest"
)

// [LOCK-2]
func TestEachRunGetsAHigherToken(t *testing.T) {
	t.Parallel()
	address, program := servertest.Start(t), goProgram(t)
	first := program.start(t, "orders/42", address)().token(t)
	second := program.start(t, "orders/42", address)().token(t)
	if second <= first {
		t.Errorf("token %d after token %d", second, first)
	}
}

func TestTheServersReasonIsPrinted(t *testing.T) {
	t.Parallel()
	end := goProgram(t).start(t, strings.Repeat("k", 513), servertest.Start(t))()
	if end.exitCode != 1 || !strings.Contains(end.stderr, "ERROR_REASON_INVALID_FIELD") {
		t.Errorf("exit code %d: %s", end.exitCode, end.stderr)
	}
}

func TestWrongUsageAndAMissingServerHaveTheirExitCodes(t *testing.T) {
	t.Parallel()
	program := goProgram(t)
	if end := program.start(t)(); end.exitCode != 2 || !strings.HasPrefix(end.stderr, "usage:") {
		t.Errorf("without arguments: %+v", end)
	}
	// Nothing can listen on port 0.
	if end := program.start(t, "orders/42", "127.0.0.1:0")(); end.exitCode != 1 || end.stderr == "" {
		t.Errorf("without a server: %+v", end)
	}
}

// [LOCK-2, LOCK-45]
func TestGoAndRustTakeTurnsInTheOrderTheyCame(t *testing.T) {
	t.Parallel()
	address, programs := servertest.Start(t), []program{goProgram(t), rustProgram(t)}
	holder := openSession(t, address)
	granted := holder.acquire("orders/in-turn")
	// A bystander sees them queue one after the other, both behind the holder.
	queue := holder.watchTickets("orders/in-turn")
	var ends []func() outcome
	for _, program := range programs {
		ends = append(ends, program.start(t, "orders/in-turn", address))
		queue.next()
	}
	holder.release(granted)
	last := granted.Token
	for _, end := range ends {
		token := end().token(t)
		if token <= last {
			t.Errorf("token %d was granted after token %d", token, last)
		}
		last = token
	}
}

// [SES-71]
func TestAttachCarriesTheSameMessagesBothWays(t *testing.T) {
	t.Parallel()
	session := openSession(t, servertest.Start(t))
	stream, err := session.sessions.Attach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	calls := []*lockstepv1.AttachCall{
		{CallId: 1, Request: &lockstepv1.AttachCall_KeepAlive{KeepAlive: &lockstepv1.KeepAliveRequest{Seq: 11}}},
		{CallId: 2, Request: &lockstepv1.AttachCall_GetSession{GetSession: &lockstepv1.GetSessionRequest{}}},
	}
	if err := stream.Send(&lockstepv1.AttachRequest{Open: session.ref, Calls: calls}); err != nil {
		t.Fatal(err)
	}
	replies := map[uint64]*lockstepv1.AttachReply{}
	for len(replies) < len(calls) {
		frame, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		for _, reply := range frame.Replies {
			replies[reply.CallId] = reply
		}
	}
	if seq := replies[1].GetKeepAlive().GetSeq(); seq != 11 {
		t.Errorf("the keep-alive was answered with %v", replies[1])
	}
	if id := replies[2].GetGetSession().GetSession().GetSessionId(); id != session.ref.SessionId {
		t.Errorf("GetSession was answered with %v", replies[2])
	}
	if err := stream.CloseRequest(); err != nil {
		t.Error(err)
	}
}
