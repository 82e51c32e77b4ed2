import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { callOf, named } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import { checkAppend, checkWaitForReplication } from "../validate/append.ts";
import { checkName } from "../validate/fields.ts";

type Calls = "append" | "waitForReplication";

/** Writing, and waiting for what was written. A call whose time passes leaves its outcome open. */
export function appendCalls(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof ReplicationService>, Calls> {
  const { limits } = environment;
  return {
    append(request, context) {
      const { principal, signal } = named(request, context);
      checkName("namespace", request.namespace);
      checkAppend(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "append", principal, request }), signal);
    },
    waitForReplication(request, context) {
      checkWaitForReplication(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      const pending = namespace.submit<"waitForReplication">({
        kind: "waitForReplication",
        request,
      });
      return settle(pending, callOf(context).signal);
    },
  };
}
