import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttachCall,
  AttachCallSchema,
  AttachRequestSchema,
  LockMode,
  OnLossAction,
  Reentrancy,
} from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { cutFrames, FRAME_BYTES_MAX } from "./frames.ts";

const LARGEST_ID = 2n ** 63n - 1n;

/** An acquire as large as it can be: names of three bytes per unit, ids of nine. */
function largestAcquire(ranges = 0): AttachCall {
  const name = "語".repeat(170);
  return create(AttachCallSchema, {
    callId: LARGEST_ID,
    request: {
      case: "acquire",
      value: {
        requestId: LARGEST_ID,
        answered: answered(ranges),
        targets: Array.from({ length: 64 }, () => ({
          key: name,
          mode: LockMode.PERMITS,
          permits: 2 ** 32 - 1,
        })),
        owner: name,
        waitMs: LARGEST_ID,
        maxHoldMs: LARGEST_ID,
        pollTimeoutMs: LARGEST_ID,
        onLoss: { action: OnLossAction.DELAY, delayMs: LARGEST_ID },
        reentrancy: Reentrancy.COUNT,
        deadlockPriority: -1,
        value: new Uint8Array(4_096),
        metadata: Object.fromEntries(
          Array.from({ length: 16 }, (_, i) => [`${"語".repeat(42)}${i}`, name]),
        ),
        correlationId: "語".repeat(42),
      },
    },
  });
}

function largestConvert(ranges: number): AttachCall {
  return create(AttachCallSchema, {
    callId: LARGEST_ID,
    request: {
      case: "convert",
      value: {
        requestId: LARGEST_ID,
        answered: answered(ranges),
        holdId: LARGEST_ID,
        token: LARGEST_ID,
        key: "語".repeat(170),
        mode: LockMode.EXCLUSIVE,
        waitMs: LARGEST_ID,
        pollTimeoutMs: LARGEST_ID,
        deadlockPriority: -1,
        correlationId: "語".repeat(42),
      },
    },
  });
}

function largestSetValue(ranges: number): AttachCall {
  return create(AttachCallSchema, {
    callId: LARGEST_ID,
    request: {
      case: "setValue",
      value: {
        requestId: LARGEST_ID,
        answered: answered(ranges),
        holdId: LARGEST_ID,
        token: LARGEST_ID,
        value: new Uint8Array(100_000),
        correlationId: "語".repeat(42),
      },
    },
  });
}

function answered(ranges: number) {
  return Array.from({ length: ranges }, () => ({ first: LARGEST_ID, last: LARGEST_ID }));
}

function bytesOf(calls: AttachCall[]): number {
  return toBinary(AttachRequestSchema, create(AttachRequestSchema, { calls })).length;
}

describe("frames", () => {
  test.each([0, 1, 1_024])("stay below their limit with %s answered ranges [SES-77]", (ranges) => {
    const calls = Array.from({ length: 50 }, () => [
      largestAcquire(ranges),
      largestConvert(ranges),
      largestSetValue(ranges),
    ]).flat();
    const frames = [...cutFrames(calls)];
    for (const frame of frames) {
      expect(bytesOf(frame)).toBeLessThanOrEqual(FRAME_BYTES_MAX);
      expect(frame.length).toBeGreaterThan(0);
    }
    expect(frames.flat()).toEqual(calls);
  });

  test("carry many small calls each", () => {
    const release = create(AttachCallSchema, {
      callId: 1n,
      request: { case: "release", value: { requestId: 1n, holdId: 1n, token: 1n } },
    });
    expect([...cutFrames(Array.from({ length: 1_000 }, () => release))]).toHaveLength(1);
  });

  test("are none when there is nothing to say", () => {
    expect([...cutFrames([])]).toEqual([]);
  });
});
