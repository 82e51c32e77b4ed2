import type { Blocker, Event, GetLockResponse } from "@lockstep/protocol";
import { expectTypeOf, test } from "vitest";
import {
  type Client,
  createClient,
  type HeldTarget,
  type Leader,
  type Leadership,
  type Lock,
  LockLostError,
  type LockModeName,
  LockstepError,
  type LossReason,
  NotGrantedError,
  type NotGrantedReason,
  type RequestRef,
} from "./index.ts";
import { connect } from "./node.ts";
import { connect as connectWeb } from "./web.ts";

declare const client: Client;
declare const lock: Lock;

test("every door leads to the same client", () => {
  expectTypeOf(connect).returns.toEqualTypeOf<Client>();
  expectTypeOf(connect).toBeCallableWith();
  expectTypeOf(connectWeb).returns.toEqualTypeOf<Client>();
  expectTypeOf(createClient).returns.toEqualTypeOf<Client>();
  // @ts-expect-error a browser has no default address
  connectWeb({});
  // @ts-expect-error a client needs a transport
  createClient({});
});

test("tokens are bigint, and what identifies a lock cannot be changed", () => {
  expectTypeOf(lock.token).toEqualTypeOf<bigint>();
  expectTypeOf(lock.sequencer).toEqualTypeOf<string>();
  expectTypeOf(lock.lost).resolves.toEqualTypeOf<{
    readonly reason: LossReason;
    readonly token: bigint;
  }>();
  // @ts-expect-error the token is the server's
  lock.token = 1n;
});

test("an acquire brings a lock, a try a lock or null", () => {
  expectTypeOf(client.acquire("a")).resolves.toEqualTypeOf<Lock>();
  expectTypeOf(client.tryAcquire("a")).resolves.toEqualTypeOf<Lock | null>();
  // @ts-expect-error a try does not wait
  client.tryAcquire("a", { waitMs: 1 });
});

test("a lock may be on one key or several, in modes that have names", () => {
  expectTypeOf(client.acquire({ key: "a", permits: 2 })).resolves.toEqualTypeOf<Lock>();
  expectTypeOf(
    client.acquire(["a", { key: "b", mode: "SHARED" }] as const, { mode: "UPGRADABLE" }),
  ).resolves.toEqualTypeOf<Lock>();
  expectTypeOf(lock.mode).toEqualTypeOf<LockModeName>();
  expectTypeOf(lock.targets).toEqualTypeOf<readonly HeldTarget[]>();
  // @ts-expect-error modes are written as in a sequencer
  client.acquire("a", { mode: "shared" });
  // @ts-expect-error a delay needs its time
  client.acquire("a", { onLoss: { action: "delay" } });
  // @ts-expect-error a conversion needs a mode
  lock.convert();
  client.acquire("a", { onLoss: { delayMs: 5 }, reentrancy: "count", value: "here" });
});

test("whoever hands a lock over names the request that gets it", () => {
  client.acquire("a", {
    onRequest: (request) => expectTypeOf(request).toEqualTypeOf<RequestRef>(),
  });
  expectTypeOf(lock.transfer).parameter(0).toEqualTypeOf<RequestRef>();
  lock.onReleaseRequested(({ actor, reason }) => {
    expectTypeOf(actor).toEqualTypeOf<string>();
    expectTypeOf(reason).toEqualTypeOf<string>();
  });
});

test("an election brings leadership, and leaders or null", () => {
  expectTypeOf(client.campaign("a", { value: "here" })).resolves.toEqualTypeOf<Leadership>();
  expectTypeOf(client.observeLeader("a")).toExtend<AsyncIterable<Leader | null>>();
  // @ts-expect-error whoever leads leads alone
  client.campaign("a", { mode: "SHARED" });
});

test("operators have to say why", () => {
  client.admin.forceRelease({ key: "a", expectedToken: 1n, reason: "stuck" });
  // @ts-expect-error no reason given
  client.admin.revokeSession({ sessionId: 1n });
  // @ts-expect-error neither key nor principal
  client.admin.clearQuarantine({ expectedRevision: 1n, reason: "seen" });
});

test("code under a lock brings its own result", () => {
  expectTypeOf(client.withLock("a", () => 1)).resolves.toEqualTypeOf<number>();
  expectTypeOf(client.withLock("a", async ({ token }) => token)).resolves.toEqualTypeOf<bigint>();
});

test("locks and clients are disposable, watches iterable", () => {
  expectTypeOf(lock).toExtend<AsyncDisposable>();
  expectTypeOf(client).toExtend<AsyncDisposable>();
  expectTypeOf(client.watch()).toExtend<AsyncIterable<Event>>();
  expectTypeOf(client.getLock("a")).resolves.toEqualTypeOf<GetLockResponse>();
});

test("errors are told apart by instanceof", () => {
  const error: unknown = undefined;
  if (error instanceof NotGrantedError) {
    expectTypeOf(error.reason).toEqualTypeOf<NotGrantedReason>();
    expectTypeOf(error.blockers).toEqualTypeOf<readonly Blocker[]>();
  }
  if (error instanceof LockLostError) expectTypeOf(error.token).toEqualTypeOf<bigint>();
  expectTypeOf<LockLostError>().toExtend<LockstepError>();
  expectTypeOf(LockstepError).toBeConstructibleWith("why");
});
