package lockstep

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"testing"

	"connectrpc.com/connect"
	lockstepv1 "github.com/lockstep-sync/lockstep/packages/go/gen/lockstep/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Written by the TypeScript implementation, so that a common mistake of two languages shows.
const (
	grantedHex   = "0a100a026331100318ffffffffffffffff7f120c080710ffffffffffffffff7f"
	keepAliveHex = "0a2d0a0764656661756c7410051a20ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" +
		"100218ac02220408011004220408061006"
	acquireHex = "100322050a0161100222080a0162100418ac022a047461736b308827480250e0d4035a05080210e8076201ff" +
		"6a090a047465616d12017870ffffffffffffffffff01"
	convertedHex = "0a100a026331100318ffffffffffffffff7f120e080710ffffffffffffffff7f1802"
)

func TestAGrantWrittenInTypeScriptReadsTheSame(t *testing.T) {
	want := &lockstepv1.AcquireResponse{
		Header:  &lockstepv1.ReplyHeader{ClusterId: "c1", Epoch: 3, Revision: math.MaxInt64},
		Outcome: &lockstepv1.AcquireResponse_Granted{Granted: &lockstepv1.Granted{HoldId: 7, Token: math.MaxInt64}},
	}
	expectSame(t, fromHex(t, grantedHex, &lockstepv1.AcquireResponse{}), want)
}

func TestAnAcquireOfSeveralKeysWrittenInTypeScriptReadsTheSame(t *testing.T) {
	want := &lockstepv1.AcquireRequest{
		RequestId: 3,
		Targets: []*lockstepv1.LockTarget{
			{Key: "a", Mode: lockstepv1.LockMode_LOCK_MODE_SHARED},
			{Key: "b", Mode: lockstepv1.LockMode_LOCK_MODE_PERMITS, Permits: 300},
		},
		Owner: "task", WaitMs: 5_000,
		Reentrancy: lockstepv1.Reentrancy_REENTRANCY_COUNT, MaxHoldMs: 60_000,
		OnLoss: &lockstepv1.OnLoss{Action: lockstepv1.OnLossAction_ON_LOSS_ACTION_DELAY, DelayMs: 1_000},
		Value:  []byte{255}, Metadata: map[string]string{"team": "x"}, DeadlockPriority: -1,
	}
	expectSame(t, fromHex(t, acquireHex, &lockstepv1.AcquireRequest{}), want)
}

func TestAConversionWrittenInTypeScriptReadsTheSame(t *testing.T) {
	want := &lockstepv1.ConvertResponse{
		Header: &lockstepv1.ReplyHeader{ClusterId: "c1", Epoch: 3, Revision: math.MaxInt64},
		Outcome: &lockstepv1.ConvertResponse_Granted{
			Granted: &lockstepv1.Granted{HoldId: 7, Token: math.MaxInt64, Count: 2},
		},
	}
	expectSame(t, fromHex(t, convertedHex, &lockstepv1.ConvertResponse{}), want)
}

func TestAKeepAliveWrittenInTypeScriptReadsTheSame(t *testing.T) {
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = 255
	}
	want := &lockstepv1.KeepAliveRequest{
		Session: &lockstepv1.SessionRef{Namespace: "default", SessionId: 5, Secret: secret},
		Seq:     2, SeenRevision: 300,
		Answered: []*lockstepv1.IdRange{{First: 1, Last: 4}, {First: 6, Last: 6}},
	}
	expectSame(t, fromHex(t, keepAliveHex, &lockstepv1.KeepAliveRequest{}), want)
}

func TestTheLargestTokenIsAStringInJSON(t *testing.T) {
	var reply lockstepv1.AcquireResponse
	if err := protojson.Unmarshal([]byte(`{"granted":{"holdId":"7","token":"9223372036854775807"}}`), &reply); err != nil {
		t.Fatal(err)
	}
	if token := reply.GetGranted().GetToken(); token != math.MaxInt64 {
		t.Errorf("token = %d", token)
	}
}

func TestARefusalTellsItsReasonThroughWrappedErrors(t *testing.T) {
	refusal := connect.NewError(connect.CodeInvalidArgument, errors.New("key is empty"))
	for _, message := range []proto.Message{
		&lockstepv1.Granted{HoldId: 1}, // Somebody else's detail is passed over.
		&lockstepv1.ErrorDetail{Reason: lockstepv1.ErrorReason_ERROR_REASON_INVALID_FIELD, Metadata: map[string]string{"field": "key"}},
	} {
		detail, err := connect.NewErrorDetail(message)
		if err != nil {
			t.Fatal(err)
		}
		refusal.AddDetail(detail)
	}
	detail := ErrorDetail(fmt.Errorf("acquire: %w", refusal))
	if detail.GetReason() != lockstepv1.ErrorReason_ERROR_REASON_INVALID_FIELD || detail.GetMetadata()["field"] != "key" {
		t.Errorf("detail = %v", detail)
	}
}

// [GEN-83]
func TestAFaultOnTheWayHasNoDetail(t *testing.T) {
	for _, err := range []error{nil, errors.New("reset"), connect.NewError(connect.CodeAborted, errors.New("cut"))} {
		if detail := ErrorDetail(err); detail != nil {
			t.Errorf("ErrorDetail(%v) = %v", err, detail)
		}
	}
}

func fromHex(t *testing.T, text string, message proto.Message) proto.Message {
	t.Helper()
	bytes, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(bytes, message); err != nil {
		t.Fatal(err)
	}
	return message
}

func expectSame(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if unknown := got.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		t.Errorf("unknown fields: %x", unknown)
	}
}
