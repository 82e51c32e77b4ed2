import type { NamespaceInfo, ReplyHeader } from "@lockstep/protocol";
import type { ExecutorParts } from "./executor-parts.ts";

/** What a server tells of a namespace. */
export function namespaceInfo(
  { name, epochStarted, journal }: ExecutorParts,
  known: Pick<NamespaceInfo, "role" | "revision" | "counters">,
): NamespaceInfo {
  return {
    $typeName: "lockstep.v1.NamespaceInfo",
    namespace: name,
    epoch: epochStarted.body.value.epoch,
    floor: journal.state().floor,
    ...known,
  };
}

/** Where a reply was computed. */
export function replyHeader(clusterId: string, epoch: bigint, revision: bigint): ReplyHeader {
  return { $typeName: "lockstep.v1.ReplyHeader", clusterId, epoch, revision };
}
