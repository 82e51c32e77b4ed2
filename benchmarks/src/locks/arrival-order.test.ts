import { create } from "@bufbuild/protobuf";
import { EventSchema } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { ArrivalOrder } from "./arrival-order.ts";

const queued = (ticketId: bigint) => event("lockQueued", ticketId);
const granted = (ticketId: bigint) => event("lockGranted", ticketId);
const ended = (ticketId: bigint) => event("ticketEnded", ticketId);

function event(kind: "lockQueued" | "lockGranted" | "ticketEnded", ticketId: bigint) {
  return create(EventSchema, { body: { case: kind, value: { ticketId } } });
}

function outOfTurn(...events: ReturnType<typeof event>[]): number {
  const order = new ArrivalOrder();
  for (const each of events) order.see(each);
  return order.outOfTurn;
}

describe("the order of arrival", () => {
  it("is kept when everybody waits for their turn", () => {
    expect(outOfTurn(granted(0n), queued(2n), queued(3n), granted(2n), granted(3n))).toBe(0);
  });

  it("is kept when somebody who came earlier gave up", () => {
    expect(outOfTurn(granted(0n), queued(2n), queued(3n), ended(2n), granted(3n))).toBe(0);
  });

  it("is broken by a waiter who passes another", () => {
    expect(outOfTurn(granted(0n), queued(2n), queued(3n), granted(3n), granted(2n))).toBe(1);
  });

  it("is broken by a newcomer who does not wait while others do", () => {
    expect(outOfTurn(granted(0n), queued(2n), granted(0n))).toBe(1);
  });
});
