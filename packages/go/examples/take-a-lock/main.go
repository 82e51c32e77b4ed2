// Command take-a-lock is the life of one lock: it opens a session, keeps it alive, waits for a key, shows
// the fencing token, checks it, and gives the lock back.
//
//	take-a-lock KEY [HOST:PORT]
//
// It prints `key/EXCLUSIVE/token`, then what the server says of the token while the lock is held
// (CURRENT) and after its release (STALE). Exit code: 0 done, 1 failed or not granted, 2 wrong usage.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lockstep-sync/lockstep/packages/go"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
)

const (
	namespace      = "default"
	defaultAddress = "127.0.0.1:7420"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: take-a-lock KEY [HOST:PORT]")
		os.Exit(2)
	}
	key, address := os.Args[1], defaultAddress
	if len(os.Args) == 3 {
		address = os.Args[2]
	}
	if err := takeALock(key, address, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "take-a-lock:", explain(err))
		os.Exit(1)
	}
}

func takeALock(key, address string, out io.Writer) (err error) {
	session, err := openSession(address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.close()) }()
	granted, err := session.acquire(key)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s/EXCLUSIVE/%d\n", key, granted.Token)
	if err := session.printFence(key, granted.Token, out); err != nil {
		return err
	}

	// The work goes here. It watches session.lease, which is done when the lock may be lost, and shows
	// the resource the line printed above with every access.

	if err := session.release(granted); err != nil {
		return err
	}
	return session.printFence(key, granted.Token, out)
}

func (s *session) acquire(key string) (*lockstepv1.Granted, error) {
	request := &lockstepv1.AcquireRequest{
		Session: s.ref, RequestId: s.nextRequestID(), Answered: s.answered(),
		Targets: []*lockstepv1.LockTarget{{Key: key, Mode: lockstepv1.LockMode_LOCK_MODE_EXCLUSIVE}},
		WaitMs:  60_000, PollTimeoutMs: 10_000,
	}
	for {
		reply, err := insist(s, request, s.locks.Acquire)
		if err != nil {
			return nil, err
		}
		switch outcome := reply.Outcome.(type) {
		case *lockstepv1.AcquireResponse_Granted:
			return outcome.Granted, nil
		case *lockstepv1.AcquireResponse_Queued:
			// The same request id goes on waiting at the same place.
		case *lockstepv1.AcquireResponse_Denied:
			return nil, fmt.Errorf("not granted: %s", outcome.Denied.Reason)
		default:
			return nil, errors.New("the server gave an outcome this program does not know")
		}
	}
}

func (s *session) release(granted *lockstepv1.Granted) error {
	reply, err := insist(s, &lockstepv1.ReleaseRequest{
		Session: s.ref, RequestId: s.nextRequestID(), Answered: s.answered(),
		HoldId: granted.HoldId, Token: granted.Token,
	}, s.locks.Release)
	if err != nil {
		return err
	}
	if reply.Outcome == lockstepv1.ReleaseOutcome_RELEASE_OUTCOME_LOST {
		return fmt.Errorf("the lock had been lost: %s", reply.LostReason)
	}
	return nil
}

func (s *session) printFence(key string, token uint64, out io.Writer) error {
	reply, err := insist(s, &lockstepv1.CheckFenceRequest{Namespace: namespace, Key: key, Token: token}, s.locks.CheckFence)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, strings.TrimPrefix(reply.Status.String(), "FENCE_STATUS_"))
	return nil
}

// explain names the reason of a refusal, which is stable, before its text, which is not.
func explain(err error) string {
	if detail := lockstep.ErrorDetail(err); detail != nil {
		return fmt.Sprintf("%s %v: %v", detail.Reason, detail.Metadata, err)
	}
	return err.Error()
}
