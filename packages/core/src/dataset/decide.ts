import type { Decision, Facts } from "../decide/decision.ts";
import type { Now, Op, OpKind } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { decideAck } from "./ack.ts";
import { decideAppend } from "./append/append.ts";
import {
  decideDigestNodes,
  decideFetchEntries,
  decideListBucket,
  decideScrubDataset,
} from "./drift-reads.ts";
import { decideDescribeDataset, decideListDatasets } from "./list.ts";
import { decideCreateDataset, decideDeleteDataset, decideUpdateDataset } from "./manage.ts";
import type { DatasetOperations } from "./operations.ts";
import { decideGetRow, decideScanRows } from "./reads.ts";
import {
  decideListReplicas,
  decideRegisterReplica,
  decideReportDrift,
  decideUnregisterReplica,
} from "./replicas.ts";
import { decideEndSnapshot, decideRenewSnapshot } from "./snapshot-holds.ts";
import { decideBeginSubscription } from "./subscribe.ts";
import { decideTrimLog } from "./trim.ts";
import { decideWaitForReplication } from "./wait-for-replication.ts";

/**
 * Decides an operation on datasets.
 * @throws Refusal when the operation is not executed.
 */
export function decideDataset(
  state: NamespaceState,
  op: Op<keyof DatasetOperations>,
  now: Now,
  facts: Facts,
): Decision<OpKind> {
  switch (op.kind) {
    case "createDataset":
      return decideCreateDataset(state, op, now, facts);
    case "updateDataset":
      return decideUpdateDataset(state, op, now);
    case "deleteDataset":
      return decideDeleteDataset(state, op, now);
    case "listDatasets":
      return decideListDatasets(state, op, now);
    case "describeDataset":
      return decideDescribeDataset(state, op, now);
    case "registerReplica":
      return decideRegisterReplica(state, op, now);
    case "unregisterReplica":
      return decideUnregisterReplica(state, op, now);
    case "listReplicas":
      return decideListReplicas(state, op, now);
    case "append":
      return decideAppend(state, op, now, facts);
    case "waitForReplication":
      return decideWaitForReplication(state, op, now);
    case "ack":
      return decideAck(state, op, now);
    case "beginSubscription":
      return decideBeginSubscription(state, op, now, facts);
    case "renewSnapshot":
      return decideRenewSnapshot(state, op, now);
    case "endSnapshot":
      return decideEndSnapshot(state, op);
    case "getRow":
      return decideGetRow(state, op, facts);
    case "scanRows":
      return decideScanRows(state, op, facts);
    case "digestNodes":
      return decideDigestNodes(state, op);
    case "listBucket":
      return decideListBucket(state, op, facts);
    case "fetchEntries":
      return decideFetchEntries(state, op, facts);
    case "reportDrift":
      return decideReportDrift(state, op, now);
    case "scrubDataset":
      return decideScrubDataset(state, op, facts);
    case "trimLog":
      return decideTrimLog(state, op, now);
  }
}
