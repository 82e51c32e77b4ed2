import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { callOf, named } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import {
  checkFetchEntries,
  checkGetDigestNodes,
  checkListBucket,
  checkReportDrift,
} from "../validate/drift.ts";

type Calls = "getDigestNodes" | "listBucket" | "fetchEntries" | "reportDrift";

/** What a replica compares itself with, and what it tells of it. */
export function driftCalls(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof ReplicationService>, Calls> {
  const { limits } = environment;
  return {
    getDigestNodes(request, context) {
      checkGetDigestNodes(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "digestNodes", request }), callOf(context).signal);
    },
    listBucket(request, context) {
      checkListBucket(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "listBucket", request }), callOf(context).signal);
    },
    fetchEntries(request, context) {
      checkFetchEntries(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "fetchEntries", request }), callOf(context).signal);
    },
    reportDrift(request, context) {
      const { principal, signal } = named(request, context);
      checkReportDrift(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "reportDrift", principal, request }), signal);
    },
  };
}
