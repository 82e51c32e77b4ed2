import { ErrorReason, SessionState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { open, openReply, refused } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

describe("OpenSession", () => {
  it("opens a session whose id is the revision of its event [SES-8]", () => {
    const world = new World();
    const { sessionId, ttlMs } = openReply(world, { ttlMs: 4_000 });
    expect(ttlMs).toBe(4_000n);
    expect(sessionId).toBe(world.state.revision);
    expect(world.events.at(-1)?.body).toMatchObject({
      case: "sessionOpened",
      value: { sessionId },
    });
  });

  it("gives the default time to live to whoever asks for none [SES-7]", () => {
    expect(openReply(new World(), {}).ttlMs).toBe(15_000n);
    expect(openReply(new World({ limits: { default_ttl_ms: 3_000 } }), {}).ttlMs).toBe(3_000n);
  });

  it("keeps the secret's hash where no reader sees it", () => {
    const world = new World();
    openReply(world, { secret: 5 });
    const event = world.events.at(-1);
    expect(event?.journalOnly?.secretSha256).toHaveLength(32);
    expect(event?.actor).toBe("peer");
  });

  it("returns the same session for the same secret, and makes no second event [SES-3]", () => {
    const world = new World();
    const first = openReply(world, { secret: 5, ttlMs: 4_000 });
    const { revision } = world.state;
    expect(openReply(world, { secret: 5, ttlMs: 9_000 })).toEqual(first);
    expect(world.state.revision).toBe(revision);
  });

  it("does not renew the session when it is repeated [SES-4]", () => {
    const world = new World();
    const ann = open(world, { secret: 5, ttlMs: 4_000 });
    world.advance(3_999);
    openReply(world, { secret: 5, ttlMs: 4_000 });
    world.advance(1);
    expect(world.state.sessions.get(ann.id)?.state).toBe(SessionState.EXPIRED);
  });

  it("forgets the session that ended first when too many have ended to be remembered [SES-21]", () => {
    const world = new World({ limits: { max_ended_sessions: 2 } });
    const [first, second, third] = [open(world), open(world), open(world)];
    second.close();
    first.close();
    expect(openReply(world, {}).sessionId).toBeGreaterThan(third.id);
    expect(world.state.sessions.has(second.id)).toBe(false);
    expect(world.state.sessions.has(first.id)).toBe(true);
    expect(world.state.sessions.has(third.id)).toBe(true);
  });

  it("refuses the secret of another principal's session [SES-6]", () => {
    const world = new World();
    openReply(world, { secret: 5, principal: "ann" });
    const refusal = refused(() => openReply(world, { secret: 5, principal: "ben" }));
    expect(refusal.reason).toBe(ErrorReason.SECRET_MISMATCH);
  });

  it("refuses the secret of a session that has ended, and says how [SES-5]", () => {
    const world = new World();
    open(world, { secret: 5, ttlMs: 2_000 });
    world.advance(2_000);
    expect(refused(() => openReply(world, { secret: 5 })).reason).toBe(ErrorReason.SESSION_EXPIRED);
    open(world, { secret: 6 }).close();
    expect(refused(() => openReply(world, { secret: 6 })).reason).toBe(ErrorReason.SESSION_CLOSED);
  });

  it("refuses one session too many in the namespace, and makes room when one ends [SES-9, GEN-51]", () => {
    const world = new World({ limits: { max_sessions: 2 } });
    const ann = open(world, { principal: "ann" });
    open(world, { principal: "ben", secret: 7 });
    const refusal = refused(() => open(world, { principal: "carl" }));
    expect(refusal.reason).toBe(ErrorReason.LIMIT_EXCEEDED);
    expect(refusal.metadata).toEqual({ limit: "max_sessions", max: "2" });
    expect(openReply(world, { secret: 7, principal: "ben" }).sessionId).toBeGreaterThan(0n);
    ann.close();
    open(world, { principal: "carl" });
  });

  it("refuses one session too many of a principal, and no other's [SES-9]", () => {
    const world = new World({ limits: { max_sessions_per_principal: 1 } });
    const ann = open(world, { principal: "ann" });
    const refusal = refused(() => open(world, { principal: "ann" }));
    expect(refusal.metadata).toEqual({ limit: "max_sessions_per_principal", max: "1" });
    open(world, { principal: "ben" });
    ann.close();
    open(world, { principal: "ann" });
  });

  it("opens nothing while the disk is nearly full, but finds what is open [GEN-53]", () => {
    const world = new World();
    const { sessionId } = openReply(world, { secret: 5 });
    world.storageLow = true;
    expect(refused(() => openReply(world, { secret: 6 })).reason).toBe(ErrorReason.STORAGE_LOW);
    expect(openReply(world, { secret: 5 }).sessionId).toBe(sessionId);
  });
});
