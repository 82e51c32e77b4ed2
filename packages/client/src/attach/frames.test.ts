import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttachCall,
  AttachCallSchema,
  AttachRequestSchema,
  LockMode,
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
        answered: Array.from({ length: ranges }, () => ({ first: LARGEST_ID, last: LARGEST_ID })),
        targets: [{ key: name, mode: LockMode.EXCLUSIVE }],
        owner: name,
        waitMs: LARGEST_ID,
        correlationId: "語".repeat(42),
      },
    },
  });
}

function bytesOf(calls: AttachCall[]): number {
  return toBinary(AttachRequestSchema, create(AttachRequestSchema, { calls })).length;
}

describe("frames", () => {
  test.each([0, 1, 1_024])("stay below their limit with %s answered ranges [SES-77]", (ranges) => {
    const calls = Array.from({ length: 1_000 }, () => largestAcquire(ranges));
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
