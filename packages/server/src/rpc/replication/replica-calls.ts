import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { callOf, named } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import { checkName } from "../validate/fields.ts";
import {
  checkAck,
  checkListReplicas,
  checkRegisterReplica,
  checkUnregisterReplica,
} from "../validate/replica.ts";

type Calls = "registerReplica" | "unregisterReplica" | "listReplicas" | "ack";

/** What replicas say of themselves, and who asks for it. */
export function replicaCalls(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof ReplicationService>, Calls> {
  return {
    registerReplica(request, context) {
      const { principal, signal } = named(request, context);
      checkRegisterReplica(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "registerReplica", principal, request }), signal);
    },
    unregisterReplica(request, context) {
      const { principal, signal } = named(request, context);
      checkUnregisterReplica(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "unregisterReplica", principal, request }), signal);
    },
    listReplicas(request, context) {
      checkListReplicas(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "listReplicas", request }), callOf(context).signal);
    },
    ack(request, context) {
      checkName("namespace", request.namespace);
      checkAck(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "ack", request }), callOf(context).signal);
    },
  };
}
