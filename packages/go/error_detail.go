package lockstep

import (
	"errors"

	"connectrpc.com/connect"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
)

// ErrorDetail returns what a server says of a refusal, or nil when err is none. An error without a
// detail is a fault on the way, whatever its code: the outcome of the call is unknown, and repeating it
// with the same request id is safe. With a detail, the server has answered.
func ErrorDetail(err error) *lockstepv1.ErrorDetail {
	var refusal *connect.Error
	if !errors.As(err, &refusal) {
		return nil
	}
	for _, detail := range refusal.Details() {
		message, err := detail.Value()
		if err != nil {
			continue
		}
		if ours, ok := message.(*lockstepv1.ErrorDetail); ok {
			return ours
		}
	}
	return nil
}
