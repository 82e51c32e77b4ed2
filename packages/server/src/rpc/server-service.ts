import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  GetServerInfoResponseSchema,
  type NamespaceInfo,
  ReplyHeaderSchema,
  type ServerService,
} from "@lockstep/protocol";
import type { RpcEnvironment } from "./environment.ts";
import { namespaceOf } from "./namespaces.ts";
import type { Subscriptions } from "./replication/subscriptions.ts";
import { checkName } from "./validate/fields.ts";
import type { Watches } from "./watch/watches.ts";

const PROTOCOL_VERSIONS = ["v1"];
const FEATURES = ["attach", "replication"];

/** What a server tells of itself. */
export function serverService(
  environment: RpcEnvironment,
  watches: Watches,
  subscriptions: Subscriptions,
): ServiceImpl<typeof ServerService> {
  const { identity, limits } = environment;
  const { clusterId, node, serverVersion, durability } = identity;
  return {
    getServerInfo(request) {
      const response = create(GetServerInfoResponseSchema, {
        header: create(ReplyHeaderSchema, { clusterId }),
        serverVersion,
        protocolVersions: PROTOCOL_VERSIONS,
        features: FEATURES,
        limits: Object.fromEntries(
          Object.entries(limits).map(([name, value]) => [name, BigInt(value)]),
        ),
        durability,
        node,
      });
      if (request.namespace === "") return response;
      checkName("namespace", request.namespace);
      const namespace = namespaceOf(environment, request.namespace);
      response.header = namespace.header();
      response.durability = namespace.durability;
      response.namespace = withStreams(namespace.info(), {
        watches: BigInt(watches.count(request.namespace)),
        subscriptions: BigInt(subscriptions.count(request.namespace)),
      });
      return response;
    },
  };
}

function withStreams(
  info: NamespaceInfo,
  streams: { watches: bigint; subscriptions: bigint },
): NamespaceInfo {
  if (info.counters === undefined) return info;
  return { ...info, counters: { ...info.counters, ...streams } };
}
