package integration

import (
	"testing"

	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"github.com/lockstep-sync/lockstep/packages/go/internal/servertest"
)

// [LOCK-1, LOCK-81]
func TestTwoSharedKeysAndAConversionOverTheStubs(t *testing.T) {
	address := servertest.Start(t)
	reader, writer := openSession(t, address), openSession(t, address)
	read := reader.acquireAll(lockstepv1.LockMode_LOCK_MODE_SHARED, "go/modes/a", "go/modes/b")
	held := writer.acquireAll(lockstepv1.LockMode_LOCK_MODE_UPGRADABLE, "go/modes/a", "go/modes/b")
	if refused := writer.convert(held, "go/modes/a").GetDenied().GetReason(); refused != lockstepv1.DeniedReason_DENIED_REASON_CONTENDED {
		t.Errorf("beside a reader: %v", refused)
	}
	reader.release(read)
	granted := writer.convert(held, "go/modes/a").GetGranted()
	if granted.GetHoldId() != held.HoldId || granted.GetToken() <= held.Token || granted.GetCount() != 1 {
		t.Errorf("granted = %v, held before = %v", granted, held)
	}
	writer.release(granted)
}

func (s *session) acquireAll(mode lockstepv1.LockMode, keys ...string) *lockstepv1.Granted {
	s.t.Helper()
	s.requestID++
	request := &lockstepv1.AcquireRequest{Session: s.ref, RequestId: s.requestID}
	for _, key := range keys {
		request.Targets = append(request.Targets, &lockstepv1.LockTarget{Key: key, Mode: mode})
	}
	reply := must(s.locks.Acquire(s.t.Context(), request))(s.t)
	if reply.GetGranted() == nil {
		s.t.Fatalf("not granted: %v", reply)
	}
	return reply.GetGranted()
}

func (s *session) convert(held *lockstepv1.Granted, key string) *lockstepv1.ConvertResponse {
	s.t.Helper()
	s.requestID++
	return must(s.locks.Convert(s.t.Context(), &lockstepv1.ConvertRequest{
		Session: s.ref, RequestId: s.requestID, HoldId: held.HoldId, Token: held.Token,
		Key: key, Mode: lockstepv1.LockMode_LOCK_MODE_EXCLUSIVE,
	}))(s.t)
}
