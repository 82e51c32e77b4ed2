import { compareNames, type ListReplicasResponse } from "@lockstep/protocol";
import { type Decision, Draft, journalOnlyOf, replyOnly, replyWith } from "../decide/decision.ts";
import { versionMismatch } from "../decide/version-mismatch.ts";
import type { Now, Op } from "../op.ts";
import { limitExceeded } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { PageRoom } from "../view/page-room.ts";
import { sameBytes } from "./bytes.ts";
import { datasetOf, replicaOf } from "./find.ts";
import { replicaView } from "./view.ts";
import { replicaBytes } from "./view-bytes.ts";

const DEFAULT_PAGE_SIZE = 100;

/** Starts a generation of a replica; one that this very process has started is done. */
export function decideRegisterReplica(
  state: NamespaceState,
  { principal, request }: Op<"registerReplica">,
  now: Now,
): Decision<"registerReplica"> {
  const { replica: name, instance, expectedGeneration, description, correlationId } = request;
  const dataset = datasetOf(state, request.dataset);
  const present = dataset.replicas.get(name);
  const reply = (generation: bigint) =>
    ({
      $typeName: "lockstep.v1.RegisterReplicaResponse",
      generation,
      datasetId: dataset.id,
    }) as const;
  if (present !== undefined && sameBytes(present.instance, instance))
    return replyOnly(reply(present.generation));
  const inForce = present?.generation ?? 0n;
  if (expectedGeneration !== inForce) throw versionMismatch("the replica's generation", inForce);
  const max = state.limits.max_replicas;
  if (present === undefined && dataset.replicas.size >= max)
    throw limitExceeded("max_replicas", max, "too many replicas of this dataset: unregister one");
  const draft = new Draft(state.revision, now, { actor: principal, correlationId });
  const generation = draft.next;
  draft.add(
    {
      case: "replicaRegistered",
      value: {
        $typeName: "lockstep.v1.ReplicaRegistered",
        dataset: dataset.name,
        datasetId: dataset.id,
        replica: name,
        generation,
        description,
      },
    },
    journalOnlyOf({ instance }),
  );
  return replyWith(draft.events, reply(generation));
}

/** Forgets a replica; one that is not registered is done. */
export function decideUnregisterReplica(
  state: NamespaceState,
  { principal, request }: Op<"unregisterReplica">,
  now: Now,
): Decision<"unregisterReplica"> {
  const { replica: name, generation, reason, correlationId } = request;
  const dataset = datasetOf(state, request.dataset);
  const present = dataset.replicas.get(name);
  const reply = { $typeName: "lockstep.v1.UnregisterReplicaResponse" } as const;
  if (present === undefined) return replyOnly(reply);
  if (present.generation !== generation)
    throw versionMismatch("the replica's generation", present.generation);
  const draft = new Draft(state.revision, now, { actor: principal, correlationId, reason });
  draft.add({
    case: "replicaUnregistered",
    value: {
      $typeName: "lockstep.v1.ReplicaUnregistered",
      dataset: dataset.name,
      datasetId: dataset.id,
      replica: name,
      generation,
    },
  });
  return replyWith(draft.events, reply);
}

/** Lists replicas by name, and how far they are at this moment. */
export function decideListReplicas(
  state: NamespaceState,
  { request }: Op<"listReplicas">,
  now: Now,
): Decision<"listReplicas"> {
  const { pageToken } = request;
  const dataset = datasetOf(state, request.dataset);
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const page: ListReplicasResponse = {
    $typeName: "lockstep.v1.ListReplicasResponse",
    replicas: [],
    headSeq: dataset.head.seq,
    nextPageToken: "",
  };
  const room = new PageRoom(state.limits.max_response_bytes);
  const following = [...dataset.replicas.values()]
    .filter(({ name }) => pageToken === "" || compareNames(name, pageToken) > 0)
    .sort((a, b) => compareNames(a.name, b.name));
  for (const replica of following) {
    const view = replicaView(state, dataset, replica, now);
    if (page.replicas.length === size || !room.take(replicaBytes(view))) {
      page.nextPageToken = page.replicas.at(-1)?.replica ?? "";
      break;
    }
    page.replicas.push(view);
  }
  return replyOnly(page);
}

/** Writes down drift that a replica has found; a report that has arrived before is done. */
export function decideReportDrift(
  state: NamespaceState,
  { principal, request }: Op<"reportDrift">,
  now: Now,
): Decision<"reportDrift"> {
  const { reportNumber, report, correlationId } = request;
  const dataset = datasetOf(state, request.dataset);
  const replica = replicaOf(dataset, request.replica, request.generation);
  const reply = { $typeName: "lockstep.v1.ReportDriftResponse" } as const;
  if (reportNumber <= replica.reportNumber || report === undefined) return replyOnly(reply);
  const draft = new Draft(state.revision, now, { actor: principal, correlationId });
  draft.add({
    case: "driftReported",
    value: {
      $typeName: "lockstep.v1.DriftReported",
      dataset: dataset.name,
      datasetId: dataset.id,
      replica: replica.name,
      generation: replica.generation,
      reportNumber,
      report,
    },
  });
  return replyWith(draft.events, reply);
}
