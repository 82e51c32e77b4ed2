import { create } from "@bufbuild/protobuf";
import type { ReplicationLink } from "@lockstep/client";
import {
  AckResponseSchema,
  ListReplicasResponseSchema,
  RegisterReplicaResponseSchema,
  ReportDriftResponseSchema,
} from "@lockstep/protocol";

/**
 * The server as a replica sees it, but so that the server does not see a replica: nothing is registered, acknowledged
 * or reported, no append waits for it, and no process that runs under a replica's name is superseded.
 */
export function observingLink(link: ReplicationLink): ReplicationLink {
  return {
    ...link,
    listReplicas: async () => create(ListReplicasResponseSchema),
    register: async () => create(RegisterReplicaResponseSchema, { generation: 1n }),
    subscribe: ({ dataset, start }, signal) =>
      link.subscribe({ ...(dataset && { dataset }), ...(start && { start }) }, signal),
    async ack({ dataset = "" }, options) {
      const described = await link.describe(dataset, options);
      return create(AckResponseSchema, { headSeq: described.dataset?.headSeq ?? 0n });
    },
    reportDrift: async () => create(ReportDriftResponseSchema),
  };
}
