import type { ErrorReason } from "@lockstep/protocol";
import { expect } from "vitest";

/** What `toThrow` wants of a refusal: its reason, and what its metadata must tell among other things. */
export function refusal(reason: ErrorReason, metadata: Record<string, string> = {}): Error {
  return expect.objectContaining({
    name: "Refusal",
    reason,
    metadata: expect.objectContaining(metadata),
  });
}
