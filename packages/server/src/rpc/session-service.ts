import type { ServiceImpl } from "@connectrpc/connect";
import type { SessionService } from "@lockstep/protocol";
import { attach } from "./attach/attach.ts";
import type { Attachments } from "./attach/attachments.ts";
import type { RpcEnvironment } from "./environment.ts";
import { callOf, named } from "./guard/call.ts";
import { namespaceOf, secretSha256, sessionAccess } from "./namespaces.ts";
import { settle } from "./settle.ts";
import {
  checkCloseSession,
  checkGetSession,
  checkKeepAlive,
  checkListSessions,
  checkOpenSession,
} from "./validate/session.ts";

/** Sessions over unary calls, and Attach. */
export function sessionService(
  environment: RpcEnvironment,
  attachments: Attachments,
): ServiceImpl<typeof SessionService> {
  const { limits } = environment;
  return {
    openSession(request, context) {
      const call = named(request, context);
      checkOpenSession(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      const { principal } = call;
      const hash = secretSha256(request.secret);
      return settle(
        namespace.submit({ kind: "openSession", principal, secretSha256: hash, request }),
        call.signal,
      );
    },
    keepAlive(request, context) {
      const { principal, signal } = callOf(context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkKeepAlive(request, limits);
      return settle(namespace.submit({ kind: "keepAlive", caller, request }), signal);
    },
    closeSession(request, context) {
      const { principal, signal } = named(request, context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkCloseSession(request, limits);
      return settle(namespace.submit({ kind: "closeSession", caller, request }), signal);
    },
    getSession(request, context) {
      const { principal, signal } = callOf(context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkGetSession(request, limits);
      return settle(namespace.submit({ kind: "getSession", caller, request }), signal);
    },
    listSessions(request, context) {
      checkListSessions(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "listSessions", request }), callOf(context).signal);
    },
    attach(requests, context) {
      const call = callOf(context);
      return attach(requests, () => call.bytes.release(), call, environment, attachments);
    },
  };
}
