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
import { checkName } from "./validate/fields.ts";
import type { Watches } from "./watch/watches.ts";

const PROTOCOL_VERSIONS = ["v1"];
const FEATURES = ["attach"];

/** What a server tells of itself. */
export function serverService(
  environment: RpcEnvironment,
  watches: Watches,
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
      response.namespace = withWatches(namespace.info(), watches.count(request.namespace));
      return response;
    },
  };
}

function withWatches(info: NamespaceInfo, watches: number): NamespaceInfo {
  if (info.counters === undefined) return info;
  return { ...info, counters: { ...info.counters, watches: BigInt(watches) } };
}
