import {
  AppendOutcome,
  type AppendRequest,
  type AppendResponse,
  type Event,
  type JournaledChange,
  ReplicationMode,
} from "@lockstep/protocol";
import { type Decision, Draft, type Facts, journalOnlyOf } from "../../decide/decision.ts";
import type { Now, Op } from "../../op.ts";
import type { NamespaceState } from "../../state/state.ts";
import type { Dataset } from "../dataset.ts";
import { datasetOf, rowsFor } from "../find.ts";
import { type Durability, durabilityOf } from "../policy-settings.ts";
import type { RowFacts } from "../rows.ts";
import { requireWaitRoom, waitFor } from "../waits.ts";
import { duplicatesOf } from "./duplicates.ts";
import { requireHead, requireKeys } from "./expectations.ts";
import { requireFence } from "./fence.ts";
import { type PreparedChange, prepared } from "./prepared.ts";
import { requireInSync } from "./replicas-in-sync.ts";
import { requireRoom } from "./room.ts";
import { requireSize } from "./size.ts";
import { type Written, writtenBy } from "./written.ts";

/**
 * Appends a batch: what was appended before is answered with its seq, the rest goes on as one batch or, when
 * any check fails, not at all.
 */
export function decideAppend(
  state: NamespaceState,
  op: Op<"append">,
  now: Now,
  facts: Facts,
): Decision<"append"> {
  const { principal, request } = op;
  const dataset = datasetOf(state, request.dataset);
  const durability = durabilityOf(request.durability, dataset.settings.defaultDurability);
  requireSize(state.limits, request);
  if (durability.mode !== ReplicationMode.LOCAL) requireWaitRoom(state);
  const rows = rowsFor(facts, dataset);
  const changes = prepared(dataset, request.changes, state.sha256);
  const duplicates = duplicatesOf(dataset, rows, changes, request);
  const fresh = changes.filter(({ index }) => !duplicates.has(index));
  if (fresh.length === 0) {
    const reply = replyOf(dataset.head.seq, changes, duplicates, []);
    return answered(state, dataset, [], reply, { durability, request }, now);
  }
  requireFence(state, dataset, request.fence);
  requireHead(dataset, request.expectedHeadSeq);
  requireKeys(rows, fresh);
  const written = write(dataset, rows, fresh, op, now);
  requireRoom(dataset, written.bytes, facts);
  requireInSync(dataset, durability, now);
  const { correlationId } = request;
  const draft = new Draft(state.revision, now, { actor: principal, correlationId });
  addAppended(draft, dataset, written);
  const head = dataset.head.seq + BigInt(fresh.length);
  const reply = replyOf(head, changes, duplicates, written.changes);
  return answered(state, dataset, draft.events, reply, { durability, request }, now);
}

function write(
  dataset: Dataset,
  rows: RowFacts,
  fresh: readonly PreparedChange[],
  { principal, request }: Op<"append">,
  now: Now,
): Written {
  const { origin, correlationId } = request;
  return writtenBy(dataset, rows, fresh, {
    origin: origin || principal,
    correlationId,
    timestampMs: BigInt(now.unixMs),
  });
}

function addAppended(draft: Draft, dataset: Dataset, { changes, logHash }: Written): void {
  draft.add(
    {
      case: "appended",
      value: {
        $typeName: "lockstep.v1.Appended",
        dataset: dataset.name,
        datasetId: dataset.id,
        firstSeq: dataset.head.seq + 1n,
        lastSeq: dataset.head.seq + BigInt(changes.length),
        logHash,
      },
    },
    journalOnlyOf({ changes: [...changes] }),
  );
}

function replyOf(
  headSeq: bigint,
  changes: readonly PreparedChange[],
  duplicates: ReadonlyMap<number, bigint>,
  written: readonly JournaledChange[],
): AppendResponse {
  let lastSeq = 0n;
  let place = 0;
  const told = changes.map(({ index }) => {
    const known = duplicates.get(index);
    const seq = known ?? (written[place]?.change?.seq as bigint);
    if (known === undefined) place += 1;
    if (seq > lastSeq) lastSeq = seq;
    const duplicate = known !== undefined;
    return { $typeName: "lockstep.v1.AppendedChange", seq, duplicate } as const;
  });
  return {
    $typeName: "lockstep.v1.AppendResponse",
    outcome: AppendOutcome.APPENDED,
    changes: told,
    lastSeq,
    headSeq,
    appliedBy: [],
  };
}

/** Answers at once, or when replicas have applied it. */
function answered(
  state: NamespaceState,
  dataset: Dataset,
  events: Event[],
  reply: AppendResponse,
  { durability, request }: { durability: Durability; request: AppendRequest },
  now: Now,
): Decision<"append"> {
  if (durability.mode === ReplicationMode.LOCAL)
    return { events, answer: { kind: "reply", reply } };
  const wanted = { seq: reply.lastSeq, durability, timeoutMs: request.replicationTimeoutMs };
  const ticketId = waitFor(state, dataset, wanted, reply, now);
  if (ticketId === undefined) return { events, answer: { kind: "reply", reply } };
  return { events, answer: { kind: "waiting", ticketId } };
}
