import type { ServiceImpl } from "@connectrpc/connect";
import type { AdminService } from "@lockstep/protocol";
import type { RpcEnvironment } from "./environment.ts";
import { callOf, named } from "./guard/call.ts";
import { namespaceCalls } from "./namespace-calls.ts";
import { namespaceOf } from "./namespaces.ts";
import { settle } from "./settle.ts";
import {
  checkClearQuarantine,
  checkForceRelease,
  checkGetPolicy,
  checkGetWaitGraph,
  checkListQuarantines,
  checkQuarantineIdentity,
  checkRevokeSession,
  checkSetPolicy,
} from "./validate/admin.ts";

type Admin = ServiceImpl<typeof AdminService>;
type Acts =
  | "forceRelease"
  | "revokeSession"
  | "clearQuarantine"
  | "quarantineIdentity"
  | "setPolicy";

/** What operators do. */
export function adminService(environment: RpcEnvironment): Admin {
  return { ...acts(environment), ...reads(environment), ...namespaceCalls(environment) };
}

function acts(environment: RpcEnvironment): Pick<Admin, Acts> {
  return {
    forceRelease(request, context) {
      const { principal, signal } = named(request, context);
      checkForceRelease(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "forceRelease", principal, request }), signal);
    },
    revokeSession(request, context) {
      const { principal, signal } = named(request, context);
      checkRevokeSession(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "revokeSession", principal, request }), signal);
    },
    clearQuarantine(request, context) {
      const { principal, signal } = named(request, context);
      checkClearQuarantine(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "clearQuarantine", principal, request }), signal);
    },
    quarantineIdentity(request, context) {
      const { principal, signal } = named(request, context);
      checkQuarantineIdentity(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "quarantineIdentity", principal, request }), signal);
    },
    setPolicy(request, context) {
      const { principal, signal } = named(request, context);
      checkSetPolicy(request, environment.limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "setPolicy", principal, request }), signal);
    },
  };
}

function reads(
  environment: RpcEnvironment,
): Pick<Admin, "listQuarantines" | "getPolicy" | "getWaitGraph"> {
  return {
    listQuarantines(request, context) {
      checkListQuarantines(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "listQuarantines", request }), callOf(context).signal);
    },
    getPolicy(request, context) {
      checkGetPolicy(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "getPolicy", request }), callOf(context).signal);
    },
    getWaitGraph(request, context) {
      checkGetWaitGraph(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "getWaitGraph", request }), callOf(context).signal);
    },
  };
}
