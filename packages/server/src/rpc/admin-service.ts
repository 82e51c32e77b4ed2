import type { ServiceImpl } from "@connectrpc/connect";
import type { AdminService } from "@lockstep/protocol";
import type { RpcEnvironment } from "./environment.ts";
import { named } from "./guard/call.ts";
import { namespaceOf } from "./namespaces.ts";
import { settle } from "./settle.ts";
import { checkForceRelease } from "./validate/lock.ts";

/** What operators do. */
export function adminService(environment: RpcEnvironment): ServiceImpl<typeof AdminService> {
  return {
    forceRelease(request, context) {
      const { principal, signal } = named(request, context);
      checkForceRelease(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "forceRelease", principal, request }), signal);
    },
  };
}
