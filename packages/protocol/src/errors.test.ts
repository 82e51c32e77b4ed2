import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { errorDetailOf, refusal } from "./errors.ts";
import { ErrorReason } from "./gen/lockstep/v1/errors_pb.ts";

describe("The error of a refusal", () => {
  it("carries its code, its text and exactly one detail with reason and metadata [GEN-81]", () => {
    const error = refusal(Code.ResourceExhausted, ErrorReason.LIMIT_EXCEEDED, "too many sessions", {
      limit: "max_sessions",
      max: "2",
    });
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toBe("too many sessions");
    expect(error.details).toHaveLength(1);
    expect(errorDetailOf(error)).toMatchObject({
      reason: ErrorReason.LIMIT_EXCEEDED,
      metadata: { limit: "max_sessions", max: "2" },
    });
  });

  it("needs no metadata", () => {
    const error = refusal(Code.Unavailable, ErrorReason.RECOVERING, "not yet");
    expect(errorDetailOf(error)?.metadata).toEqual({});
  });
});

describe("An error that is not ours", () => {
  it.each([
    ["an RPC error without detail", new ConnectError("gone", Code.Aborted)],
    ["any other error", new Error("gone")],
    ["what is no error", "gone"],
    ["nothing", undefined],
  ])("has no detail: %s [GEN-83]", (_, error) => {
    expect(errorDetailOf(error)).toBeUndefined();
  });
});
