import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import { systemRandom } from "../../ports/random.ts";
import type { RpcEnvironment } from "../environment.ts";
import { callOf, named } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import {
  checkCreateDataset,
  checkDeleteDataset,
  checkDescribeDataset,
  checkListDatasets,
  checkScrubDataset,
  checkUpdateDataset,
} from "../validate/dataset.ts";

type Replication = ServiceImpl<typeof ReplicationService>;
type Acts = "createDataset" | "updateDataset" | "deleteDataset";
type Reads = "listDatasets" | "describeDataset" | "scrubDataset";

const SALT_BYTES = 16;

/** What operators do with datasets. */
export function datasetCalls(environment: RpcEnvironment): Pick<Replication, Acts | Reads> {
  return { ...acts(environment), ...reads(environment) };
}

function acts(environment: RpcEnvironment): Pick<Replication, Acts> {
  const { limits, random = systemRandom } = environment;
  return {
    createDataset(request, context) {
      const { principal, signal } = named(request, context);
      checkCreateDataset(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      const salt = random.bytes(SALT_BYTES);
      return settle(namespace.submit({ kind: "createDataset", principal, salt, request }), signal);
    },
    updateDataset(request, context) {
      const { principal, signal } = named(request, context);
      checkUpdateDataset(request, limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "updateDataset", principal, request }), signal);
    },
    deleteDataset(request, context) {
      const { principal, signal } = named(request, context);
      checkDeleteDataset(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "deleteDataset", principal, request }), signal);
    },
  };
}

function reads(environment: RpcEnvironment): Pick<Replication, Reads> {
  return {
    listDatasets(request, context) {
      checkListDatasets(request);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "listDatasets", request }), callOf(context).signal);
    },
    async describeDataset(request, context) {
      checkDescribeDataset(request);
      const namespace = namespaceOf(environment, request.namespace);
      const pending = namespace.submit<"describeDataset">({ kind: "describeDataset", request });
      const reply = await settle(pending, callOf(context).signal);
      const scrub = namespace.datasets.scrubStatus(reply.dataset?.datasetId ?? 0n);
      return { ...reply, scrub };
    },
    scrubDataset(request, context) {
      checkScrubDataset(request, environment.limits);
      const namespace = namespaceOf(environment, request.namespace);
      return settle(namespace.submit({ kind: "scrubDataset", request }), callOf(context).signal);
    },
  };
}
