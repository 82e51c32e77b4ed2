import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { callOf } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import { checkGet, checkScan } from "../validate/read.ts";

/** Reading rows. */
export function readCalls(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof ReplicationService>, "get" | "scan"> {
  const { limits } = environment;
  return {
    get(request, context) {
      checkGet(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "getRow", request }), callOf(context).signal);
    },
    scan(request, context) {
      checkScan(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "scanRows", request }), callOf(context).signal);
    },
  };
}
