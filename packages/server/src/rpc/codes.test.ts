// Each reason comes with the code that its comment in the contract names.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  DEFAULT_LIMITS,
  ErrorReason,
  errorDetailOf,
  LockMode,
  SessionService,
} from "@lockstep/protocol";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Actor, LockWorld } from "../testing-support/lock-world.ts";
import { testServers, transportTo } from "../testing-support/test-server.ts";

const namespace = "default";
const reason = "test";
const contract = join(import.meta.dirname, "../../../../proto/lockstep/v1/errors.proto");

/** The code of each reason, as the comments of the contract name them. */
let codes: Map<string, string>;
beforeAll(() => {
  const values = readFileSync(contract, "utf8").matchAll(
    /\/\/ ([A-Z_]+)\. (?:(?!\n\s*ERROR)[\s\S])*?\n\s+ERROR_REASON_(\w+) =/g,
  );
  codes = new Map([...values].map(([, code = "", name = ""]) => [name, code]));
});

function expectCode(error: unknown, name: keyof typeof ErrorReason): void {
  expect(error).toBeInstanceOf(ConnectError);
  expect(ErrorReason[errorDetailOf(error)?.reason ?? 0]).toBe(name);
  const code = Code[(error as ConnectError).code] ?? "";
  expect(code.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()).toBe(codes.get(name));
}

test("every reason has a comment that begins with its code", () => {
  const names = Object.values(ErrorReason).filter((name) => typeof name === "string");
  expect([...codes.keys()].sort()).toEqual(names.filter((name) => name !== "UNSPECIFIED").sort());
});

describe("the code of a refusal", () => {
  const start = testServers();
  let world: LockWorld;
  let ann: Actor;
  let ben: Actor;
  let stop: () => void;
  let failJournal: () => void;
  beforeEach(async () => {
    const { server, clock, stopNamespace, journal } = await start();
    stop = stopNamespace;
    failJournal = () => journal.failNext("not-written");
    world = new LockWorld(
      server.url,
      (ms) => clock.advance(ms),
      () => server.close(),
    );
    [ann, ben] = await world.people();
  });

  const refusals: [keyof typeof ErrorReason, () => Promise<unknown>][] = [
    ["INVALID_FIELD", () => ann.acquire("")],
    ["NOT_PERMITTED", () => ann.locks.getLock({ namespace: "other", key: "a" })],
    ["SECRET_MISMATCH", () => ann.locks.release(withOtherSecret())],
    ["SESSION_EXPIRED", async () => (await expired()).acquire("a")],
    ["SESSION_CLOSED", () => ann.close().then(() => ann.acquire("a"))],
    ["SESSION_REVOKED", () => world.revoke(ann).then(() => ann.acquire("a"))],
    ["SESSION_UNKNOWN", () => ann.locks.release(withOtherId())],
    ["REQUEST_ID_ANSWERED", () => ann.acquire("a", { answered: [{ first: 1n, last: 9n }] })],
    ["REQUEST_ID_REUSED", () => ann.take("a").then(() => ann.acquire("b", { requestId: 1n }))],
    ["REVISION_AHEAD", () => ann.locks.listEvents({ namespace, afterRevision: 999n })],
    ["TOKEN_MISMATCH", () => world.force("a", { token: 1n } as never)],
    ["SERVER_STOPPING", async () => stop() ?? ann.acquire("a")],
    ["JOURNAL_FAILED", async () => failJournal() ?? ann.acquire("a")],
    ["DEADLINE_EXCEEDED", async () => outOfTime()],
    ["VERSION_MISMATCH", () => settings(7n)],
    ["NAMESPACE_EXISTS", () => createTwice()],
    ["NO_SUCH_SESSION", () => world.admin.revokeSession({ namespace, sessionId: 99n, reason })],
    ["LIMIT_EXCEEDED", () => openTooMany()],
  ];

  test.each(refusals)("%s is the one of its comment [GEN-82]", async (name, refused) => {
    const outcome = await refused().then(
      (value) => value,
      (error: unknown) => error,
    );
    expectCode(outcome, name);
  });

  function withOtherSecret() {
    const session = { ...ann.session, secret: ben.session.secret };
    return { session, requestId: 1n, holdId: 1n, token: 1n };
  }

  function withOtherId() {
    const session = { ...ann.session, sessionId: 999n };
    return { session, requestId: 1n, holdId: 1n, token: 1n };
  }

  async function expired(): Promise<Actor> {
    const actor = await world.actor(2_000n);
    await world.advance(3_000);
    return actor;
  }

  async function outOfTime(): Promise<unknown> {
    await ann.take("a");
    const targets = [{ key: "a", mode: LockMode.EXCLUSIVE }];
    const request = { ...ben.next(), targets, waitMs: 60_000n, pollTimeoutMs: 60_000n };
    const waiting = ben.locks.acquire(request, { headers: { "connect-timeout-ms": "1000" } });
    const ended = waiting.catch((error: unknown) => error);
    await expect.poll(async () => (await world.lock("a")).queueLength).toBe(1);
    await world.advance(1_000);
    return ended;
  }

  function settings(expectedVersion: bigint) {
    const request = { namespace, settings: {}, expectedVersion, reason };
    return world.admin.updateNamespace(request);
  }

  async function createTwice(): Promise<unknown> {
    await world.admin.createNamespace({ namespace: "red", reason });
    const settings = { ordering: 2 };
    return world.admin.createNamespace({ namespace: "red", settings, reason });
  }

  async function openTooMany(): Promise<unknown> {
    const { server } = await start({ limits: { ...DEFAULT_LIMITS, max_sessions: 1 } });
    const sessions = createClient(SessionService, transportTo(server.url));
    const open = (seed: number) =>
      sessions.openSession({ namespace, secret: new Uint8Array(32).fill(seed) });
    await open(1);
    return open(2);
  }
});
