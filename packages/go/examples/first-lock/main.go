// Command first-lock takes a lock, checks its fence and gives it back, in the time to live of one session.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"os"

	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1/lockstepv1connect"
)

func main() {
	ctx := context.Background()
	url := "http://" + cmp.Or(os.Getenv("LOCKSTEP_ADDRESS"), "127.0.0.1:7420")
	sessions := lockstepv1connect.NewSessionServiceClient(http.DefaultClient, url)
	locks := lockstepv1connect.NewLockServiceClient(http.DefaultClient, url)

	secret := make([]byte, 32)
	rand.Read(secret)
	opened := must(sessions.OpenSession(ctx, &lockstepv1.OpenSessionRequest{Namespace: "default", Secret: secret}))
	session := &lockstepv1.SessionRef{Namespace: "default", SessionId: opened.SessionId, Secret: secret}

	target := &lockstepv1.LockTarget{Key: "orders/42", Mode: lockstepv1.LockMode_LOCK_MODE_EXCLUSIVE}
	acquired := must(locks.Acquire(ctx, &lockstepv1.AcquireRequest{
		Session: session, RequestId: 1, Targets: []*lockstepv1.LockTarget{target},
	}))
	granted := acquired.GetGranted()
	if granted == nil {
		log.Fatalf("not granted: %v", acquired.GetDenied().GetReason())
	}
	fmt.Printf("orders/42/EXCLUSIVE/%d\n", granted.Token)

	fence := must(locks.CheckFence(ctx, &lockstepv1.CheckFenceRequest{
		Namespace: "default", Key: "orders/42", Token: granted.Token,
	}))
	fmt.Println(fence.Status)

	released := must(locks.Release(ctx, &lockstepv1.ReleaseRequest{
		Session: session, RequestId: 2, HoldId: granted.HoldId, Token: granted.Token,
	}))
	fmt.Println(released.Outcome)
	must(sessions.CloseSession(ctx, &lockstepv1.CloseSessionRequest{Session: session, RequestId: 3}))
}

func must[T any](reply T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return reply
}
