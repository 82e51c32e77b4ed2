import type { ServiceImpl } from "@connectrpc/connect";
import type { LockService } from "@lockstep/protocol";
import type { RpcEnvironment } from "./environment.ts";
import { callOf, named } from "./guard/call.ts";
import { acquire, convert } from "./long-poll.ts";
import { namespaceOf, sessionAccess } from "./namespaces.ts";
import { settle } from "./settle.ts";
import { checkName } from "./validate/fields.ts";
import {
  checkRelease,
  checkRequestRelease,
  checkSetValue,
  checkTransfer,
} from "./validate/hold.ts";
import {
  checkCancelAcquire,
  checkCheckFence,
  checkGetLock,
  checkListLocks,
} from "./validate/lock.ts";
import { listEvents } from "./watch/list-events.ts";
import { watch } from "./watch/watch.ts";
import type { Watches } from "./watch/watches.ts";

/** Locks over unary calls, and their history. */
export function lockService(
  environment: RpcEnvironment,
  watches: Watches,
): ServiceImpl<typeof LockService> {
  return {
    acquire: (request, context) => acquire(request, named(request, context), environment),
    convert: (request, context) => convert(request, named(request, context), environment),
    ...holdCalls(environment),
    ...reads(environment),
    watch: (request, context) => watch(request, callOf(context), environment, watches),
    listEvents: (request, context) => listEvents(request, callOf(context).signal, environment),
  };
}

type HoldCalls = "release" | "transfer" | "setValue" | "requestRelease" | "cancelAcquire";

function holdCalls(environment: RpcEnvironment): Pick<ServiceImpl<typeof LockService>, HoldCalls> {
  const { limits } = environment;
  return {
    release(request, context) {
      const { principal, signal } = named(request, context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkRelease(request, limits);
      return settle(namespace.submit({ kind: "release", caller, request }), signal);
    },
    transfer(request, context) {
      const { principal, signal } = named(request, context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkTransfer(request, limits);
      return settle(namespace.submit({ kind: "transfer", caller, request }), signal);
    },
    setValue(request, context) {
      const { principal, signal } = named(request, context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkSetValue(request, limits);
      return settle(namespace.submit({ kind: "setValue", caller, request }), signal);
    },
    requestRelease(request, context) {
      const { principal, signal } = named(request, context);
      checkName("namespace", request.namespace);
      checkRequestRelease(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "requestRelease", principal, request }), signal);
    },
    cancelAcquire(request, context) {
      const { principal, signal } = named(request, context);
      const { namespace, caller } = sessionAccess(environment, principal, request.session);
      checkCancelAcquire(request, limits);
      return settle(namespace.submit({ kind: "cancelAcquire", caller, request }), signal);
    },
  };
}

function reads(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof LockService>, "checkFence" | "getLock" | "listLocks"> {
  return {
    checkFence(request, context) {
      checkName("namespace", request.namespace);
      checkCheckFence(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "checkFence", request }), callOf(context).signal);
    },
    getLock(request, context) {
      checkGetLock(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "getLock", request }), callOf(context).signal);
    },
    listLocks(request, context) {
      checkListLocks(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "listLocks", request }), callOf(context).signal);
    },
  };
}
