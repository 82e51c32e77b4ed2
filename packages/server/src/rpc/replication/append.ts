import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { callOf, named } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import { checkAppend, checkWaitForReplication } from "../validate/append.ts";
import { checkName } from "../validate/fields.ts";
import { WaitingCalls } from "./waiting-calls.ts";

type Calls = "append" | "waitForReplication";

/** Writing, and waiting for what was written. A call whose time passes leaves its outcome open. */
export function appendCalls(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof ReplicationService>, Calls> {
  const { limits } = environment;
  const waiting = new WaitingCalls(environment);
  return {
    append(request, context) {
      const call = named(request, context);
      const { principal, signal } = call;
      checkName("namespace", request.namespace);
      checkAppend(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      const pending = namespace.submit<"append">({ kind: "append", principal, request });
      return waiting.answer(call, settle(pending, signal));
    },
    waitForReplication(request, context) {
      checkWaitForReplication(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      const pending = namespace.submit<"waitForReplication">({
        kind: "waitForReplication",
        request,
      });
      const call = callOf(context);
      return waiting.answer(call, settle(pending, call.signal));
    },
  };
}
