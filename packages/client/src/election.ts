import { type Event, LockMode, type LockTarget } from "@lockstep/protocol";
import type { Client } from "./client.ts";
import { RequestError } from "./errors.ts";
import type { Lock, Loss } from "./lock/lock.ts";
import type { AcquireOptions } from "./lock/wish.ts";

/** How to stand for election. */
export type CampaignOptions = Omit<AcquireOptions, "mode" | "permits" | "reentrancy">;

/** Whoever leads: the holder of an EXCLUSIVE lock together with what it publishes. */
export interface Leader {
  /** The fencing token of its term; rises from leader to leader. */
  readonly token: bigint;
  /** Its hold. */
  readonly holdId: bigint;
  /** Its session. */
  readonly sessionId: bigint;
  /** What it publishes; may be empty. */
  readonly value: Uint8Array;
  /** The same as text, decoded as UTF-8. */
  readonly text: string;
}

/** A term of leadership that was won. */
export interface Leadership extends AsyncDisposable {
  /** The lock it rests on: `assertHeld`, `sequencer` and the like. */
  readonly lock: Lock;
  /** Aborted when leadership is lost, with a LockLostError as reason. */
  readonly signal: AbortSignal;
  /** Resolves when leadership is lost; stays pending otherwise. */
  readonly lost: Promise<Loss>;
  /** Changes what the leader publishes. Rejects like `Lock.setValue`. */
  proclaim(value: string | Uint8Array): Promise<void>;
  /** Ends the term; the next candidate in line leads. Rejects like `Lock.release`. */
  resign(): Promise<void>;
}

/** Leadership by holding a lock. */
export function leadershipOf(lock: Lock): Leadership {
  return {
    lock,
    signal: lock.signal,
    lost: lock.lost,
    proclaim: (value) => lock.setValue(value),
    resign: () => lock.release(),
    [Symbol.asyncDispose]: () => lock.release(),
  };
}

/**
 * The present leader, then every change: null while there is none. Goes on over lost connections; when history that
 * was missed is not kept any more, with the present leader.
 */
export async function* leadersOf(
  client: Pick<Client, "getLock" | "watch">,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader | null, void, undefined> {
  const options = signal ? { signal } : {};
  for (;;) {
    const { header, lock } = await client.getLock(key, options);
    const holder = lock?.holders.find(({ mode }) => mode === LockMode.EXCLUSIVE);
    let leader = holder ? leaderOf(holder, holder.value) : null;
    yield leader;
    try {
      const afterRevision = header?.revision ?? 0n;
      for await (const event of client.watch({ keys: [key], afterRevision, ...options })) {
        const next = leaderAfter(event, key, leader);
        if (next === leader) continue;
        leader = next;
        yield leader;
      }
      return;
    } catch (error) {
      const compacted = error instanceof RequestError && error.reason === "REVISION_COMPACTED";
      if (!compacted) throw error;
    }
  }
}

/** Who leads after an event; the same object when nothing changed. */
function leaderAfter({ body }: Event, key: string, leader: Leader | null): Leader | null {
  switch (body.case) {
    case "lockGranted": {
      const { targets, terms } = body.value;
      return isExclusive(targets, key) ? leaderOf(body.value, terms?.value) : leader;
    }
    case "holdConverted": {
      const { holdId, target } = body.value;
      if (target?.key !== key) return leader;
      if (target.mode === LockMode.EXCLUSIVE) return leaderOf(body.value);
      return leader?.holdId === holdId ? null : leader;
    }
    case "holdValueSet":
      return leader?.holdId === body.value.holdId ? leaderOf(leader, body.value.value) : leader;
    case "lockReleased":
    case "lockLost":
    case "holdTransferred":
      return leader?.holdId === body.value.holdId ? null : leader;
    default:
      return leader;
  }
}

function isExclusive(targets: readonly LockTarget[], key: string): boolean {
  return targets.some((target) => target.key === key && target.mode === LockMode.EXCLUSIVE);
}

function leaderOf(
  { token, holdId, sessionId }: Pick<Leader, "token" | "holdId" | "sessionId">,
  value: Uint8Array = new Uint8Array(),
): Leader {
  return { token, holdId, sessionId, value, text: new TextDecoder().decode(value) };
}
