// Package lockstep is the door of the Go module of Lockstep: fenced locks and replicated datasets.
//
//   - gen/lockstep/v1 (package lockstepv1): the messages of the protocol, generated.
//   - gen/lockstep/v1/lockstepv1connect: client and server stubs, generated.
//   - gen/lockstep/testing/v1 (package testingv1) and its stubs: virtual time, for tests.
//   - examples/take-a-lock: the life of one lock, on the generated stubs.
//
// The stubs speak the Connect protocol over HTTP/1.1 and HTTP/2; with [connectrpc.com/connect.WithGRPC]
// they speak gRPC. SessionService.Attach needs HTTP/2.
package lockstep
