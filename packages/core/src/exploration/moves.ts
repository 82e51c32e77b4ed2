import { create } from "@bufbuild/protobuf";
import {
  AcquireRequestSchema,
  CancelAcquireRequestSchema,
  ClearQuarantineRequestSchema,
  CloseSessionRequestSchema,
  ConvertRequestSchema,
  ForceReleaseRequestSchema,
  KeepAliveRequestSchema,
  LockMode,
  OnLossAction,
  OpenSessionRequestSchema,
  Reentrancy,
  ReleaseRequestSchema,
  RevokeSessionRequestSchema,
  SetPolicyRequestSchema,
  TransferRequestSchema,
} from "@lockstep/protocol";
import type { SessionCaller } from "../op.ts";
import type { Hold } from "../state/hold.ts";
import type { SessionRecord } from "../state/session.ts";
import type { World } from "../testing-support/world.ts";

/** Something that may happen next, whatever the state; what it means is found when it happens. */
export interface Move {
  readonly name: string;
  readonly happen: (played: Played) => void;
}

/** Time to live of every session, and how long a lost hold that asked for it stays blocked. */
const TTL_MS = 10_000;
const STEP_MS = 5_000;
const LONG_WAIT_MS = 3_600_000n;
const WHO = { principal: "operator", reason: "because" };

/** A world with its clients: each has one session at a time, and opens another when that has ended. */
export class Played {
  readonly world: World;
  readonly #sessions: bigint[] = [];
  #lastId = 0n;

  constructor(world: World, clients: number) {
    this.world = world;
    for (let client = 0; client < clients; client++) this.#sessions.push(this.#open());
  }

  /** The session of a client, which is opened anew when the last one has ended. */
  session(client: number): SessionRecord {
    const { sessions } = this.world.state;
    const found = sessions.get(this.#sessions[client] ?? 0n);
    if (found !== undefined && isActive(found)) return found;
    const id = this.#open();
    this.#sessions[client] = id;
    return sessions.get(id) as SessionRecord;
  }

  /** Which client a session belongs to, -1 when it has ended. */
  clientOf(sessionId: bigint): number {
    return this.#sessions.indexOf(sessionId);
  }

  get clients(): readonly number[] {
    return [...this.#sessions.keys()];
  }

  /** What every request says: its client has the reply of all before it. */
  request(): { requestId: bigint; answered: { first: bigint; last: bigint }[] } {
    this.#lastId += 1n;
    const last = this.#lastId - 1n;
    return { requestId: this.#lastId, answered: last > 0n ? [{ first: 1n, last }] : [] };
  }

  #open(): bigint {
    this.#lastId += 1n;
    const secretSha256 = new Uint8Array(32);
    new DataView(secretSha256.buffer).setBigUint64(0, this.#lastId);
    const request = create(OpenSessionRequestSchema, { ttlMs: BigInt(TTL_MS) });
    const op = { kind: "openSession", principal: "peer", secretSha256, request } as const;
    return this.world.reply(op).sessionId;
  }
}

const isActive = ({ endedAtMs }: SessionRecord) => endedAtMs === 0;

/** All moves of so many clients. The key "p" takes permits, "a" every other mode. */
export function movesOf(clients: number): Move[] {
  const all: Move[] = [];
  for (let client = 0; client < clients; client++) {
    for (const [name, targets, onLoss] of WISHES)
      all.push({
        name: `${client} acquires ${name}`,
        happen: (played) => acquire(played, client, targets, onLoss),
      });
    all.push(
      { name: `${client} releases`, happen: (played) => release(played, client) },
      { name: `${client} converts up`, happen: (played) => convert(played, client, true) },
      { name: `${client} converts down`, happen: (played) => convert(played, client, false) },
      { name: `${client} gives away`, happen: (played) => transfer(played, client) },
      { name: `${client} cancels`, happen: (played) => cancel(played, client) },
      { name: `${client} renews`, happen: (played) => keepAlive(played, client, 0n) },
      {
        name: `${client} renews, having seen all`,
        happen: (played) => keepAlive(played, client, played.world.durableRevision),
      },
      { name: `${client} closes`, happen: (played) => close(played, client) },
      { name: `${client} is revoked`, happen: (played) => revoke(played, client) },
    );
  }
  return [...all, ...OPERATORS];
}

const target = (key: string, mode: LockMode) => ({
  key,
  mode,
  permits: mode === LockMode.PERMITS ? 1 : 0,
});
const delayed = { action: OnLossAction.DELAY, delayMs: BigInt(STEP_MS) };
const quarantined = { action: OnLossAction.QUARANTINE, delayMs: 0n };
const WISHES = [
  ["a EXCLUSIVE", [target("a", LockMode.EXCLUSIVE)], undefined],
  ["a SHARED", [target("a", LockMode.SHARED)], undefined],
  ["a UPGRADABLE", [target("a", LockMode.UPGRADABLE)], delayed],
  ["p", [target("p", LockMode.PERMITS)], undefined],
  ["a and p", [target("a", LockMode.EXCLUSIVE), target("p", LockMode.PERMITS)], quarantined],
] as const;

const OPERATORS: readonly Move[] = [
  {
    name: "time passes",
    happen: ({ world }) => world.advance(STEP_MS),
  },
  { name: "the server crashes", happen: ({ world }) => world.restart() },
  { name: "a is taken by force", happen: (played) => force(played, false) },
  { name: "a is taken at once", happen: (played) => force(played, true) },
  { name: "quarantines end", happen: clear },
  { name: "p offers 1", happen: (played) => offer(played, 1) },
  { name: "p offers 2", happen: (played) => offer(played, 2) },
];

function callerOf({ id, principal }: SessionRecord): SessionCaller {
  return { principal, sessionId: id, secretSha256: undefined };
}

function acquire(
  played: Played,
  client: number,
  targets: readonly ReturnType<typeof target>[],
  onLoss: typeof delayed | undefined,
): void {
  const caller = callerOf(played.session(client));
  const asked = { targets: [...targets], owner: "o", reentrancy: Reentrancy.COUNT };
  const request = create(AcquireRequestSchema, {
    ...played.request(),
    ...asked,
    waitMs: LONG_WAIT_MS,
    ...(onLoss === undefined ? {} : { onLoss }),
  });
  played.world.run({ kind: "acquire", caller, request, answerQueued: false });
}

/** The newest hold of a client; stale numbers when it has none. */
function holdOf(played: Played, client: number): Pick<Hold, "id" | "token" | "targets"> {
  const holds = [...played.session(client).holds.values()];
  return holds.at(-1) ?? { id: 1n, token: 1n, targets: [] };
}

function release(played: Played, client: number): void {
  const { id: holdId, token } = holdOf(played, client);
  const request = create(ReleaseRequestSchema, { ...played.request(), holdId, token });
  played.world.run({ kind: "release", caller: callerOf(played.session(client)), request });
}

function convert(played: Played, client: number, up: boolean): void {
  const holds = [...played.session(client).holds.values()];
  const hold = holds.find(({ targets }) => targets.some(({ key }) => key === "a"));
  if (hold === undefined) return;
  const mode = up ? LockMode.EXCLUSIVE : LockMode.SHARED;
  const request = create(ConvertRequestSchema, {
    ...played.request(),
    holdId: hold.id,
    token: hold.token,
    key: "a",
    mode,
    waitMs: LONG_WAIT_MS,
  });
  const caller = callerOf(played.session(client));
  played.world.run({ kind: "convert", caller, request, answerQueued: false });
}

function transfer(played: Played, client: number): void {
  const { id: holdId, token } = holdOf(played, client);
  const [waiter] = played.world.state.tickets.values();
  if (waiter === undefined) return;
  const to = { toSessionId: waiter.sessionId, toRequestId: waiter.requestId };
  const request = create(TransferRequestSchema, { ...played.request(), holdId, token, ...to });
  played.world.run({ kind: "transfer", caller: callerOf(played.session(client)), request });
}

function cancel(played: Played, client: number): void {
  const [ticket] = played.session(client).tickets.values();
  if (ticket === undefined) return;
  const request = create(CancelAcquireRequestSchema, {
    ...played.request(),
    acquireRequestId: ticket.requestId,
  });
  played.world.run({ kind: "cancelAcquire", caller: callerOf(played.session(client)), request });
}

function keepAlive(played: Played, client: number, seenRevision: bigint): void {
  const request = create(KeepAliveRequestSchema, { seenRevision });
  played.world.run({ kind: "keepAlive", caller: callerOf(played.session(client)), request });
}

function close(played: Played, client: number): void {
  const caller = callerOf(played.session(client));
  const request = create(CloseSessionRequestSchema, played.request());
  played.world.run({ kind: "closeSession", caller, request });
}

function revoke(played: Played, client: number): void {
  const { id: sessionId } = played.session(client);
  const request = create(RevokeSessionRequestSchema, { sessionId, reason: WHO.reason });
  played.world.run({ kind: "revokeSession", principal: WHO.principal, request });
}

function force(played: Played, immediate: boolean): void {
  const record = played.world.state.keys.get("a");
  const expectedToken = (record?.holds[0] ?? record?.delays[0]?.hold)?.token;
  if (expectedToken === undefined) return;
  const { principal, reason } = WHO;
  const request = create(ForceReleaseRequestSchema, { key: "a", expectedToken, immediate, reason });
  played.world.run({ kind: "forceRelease", principal, request });
}

function clear(played: Played): void {
  const { principal, reason } = WHO;
  for (const key of [...played.world.state.quarantinedKeys.keys()]) {
    const expectedRevision = played.world.state.keys.get(key)?.quarantine?.revision ?? 0n;
    const subject = { case: "key", value: key } as const;
    const request = create(ClearQuarantineRequestSchema, { subject, expectedRevision, reason });
    played.world.run({ kind: "clearQuarantine", principal, request });
  }
}

/** Sets how many permits there are; done by hand before the first move, too. */
export function offer({ world }: Played, permits: number): void {
  const { principal, reason } = WHO;
  const { policiesVersion: expectedVersion, policies } = world.state;
  if (policies.get("p")?.permits === permits) return;
  const request = create(SetPolicyRequestSchema, {
    keyPrefix: "p",
    expectedVersion,
    reason,
    policy: { permits },
  });
  world.run({ kind: "setPolicy", principal, request });
}
