import type { Dataset, NamespaceState, Op, OpKind } from "@lockstep/core";
import { BUCKETS } from "@lockstep/protocol";
import type { TableRead } from "../../journal/tables.ts";

const DEFAULT_PAGE_SIZE = 100;
/** The most bytes of keys and values that are read for one operation, a single row or bucket apart. */
const READ_BYTES_MAX = 1024 * 1024;
/** As that, where whole rows are read to be looked at and are not sent. */
const LOOK_BYTES_MAX = 4 * 1024 * 1024;

/** What an operation needs to know of rows. */
export interface NamedRows {
  readonly datasetId: bigint;
  readonly datasetName: string;
  readonly reads: readonly TableRead[];
}

type Naming = Extract<
  OpKind,
  | "append"
  | "getRow"
  | "fetchEntries"
  | "scanRows"
  | "listBucket"
  | "scrubDataset"
  | "beginSubscription"
>;

const NAMING: ReadonlySet<OpKind> = new Set<Naming>([
  "append",
  "getRow",
  "fetchEntries",
  "scanRows",
  "listBucket",
  "scrubDataset",
  "beginSubscription",
]);

/**
 * Which rows an operation names; undefined when it names none, or names a dataset that there is not: then it
 * is decided without.
 */
export function namedRows(op: Op, state: NamespaceState): NamedRows | undefined {
  if (!isNaming(op)) return undefined;
  const dataset = state.datasets.get(op.request.dataset);
  if (dataset === undefined) return undefined;
  return { datasetId: dataset.id, datasetName: dataset.name, reads: readsOf(op, dataset, state) };
}

function isNaming(op: Op): op is Op<Naming> {
  return NAMING.has(op.kind);
}

function readsOf(
  op: Op<Naming>,
  { id: datasetId }: Dataset,
  { limits }: NamespaceState,
): TableRead[] {
  switch (op.kind) {
    case "append":
      return appendReads(op, datasetId);
    case "getRow":
      return [{ datasetId, kind: "rows", keys: [op.request.key], maxBytes: READ_BYTES_MAX }];
    case "fetchEntries":
      return [{ datasetId, kind: "rows", keys: op.request.keys, maxBytes: READ_BYTES_MAX }];
    case "scanRows": {
      const { keyPrefix: prefix, afterKey, pageSize } = op.request;
      const limit = { maxRecords: pageSize || DEFAULT_PAGE_SIZE, maxBytes: READ_BYTES_MAX };
      return [{ datasetId, kind: "page", prefix, afterKey, limit }];
    }
    case "listBucket":
      return [bucketsRead(datasetId, op.request.buckets)];
    case "scrubDataset": {
      const { firstBucket, buckets } = op.request;
      const count = Math.min(buckets || limits.max_scrub_buckets, BUCKETS - firstBucket);
      return [
        bucketsRead(
          datasetId,
          Array.from({ length: count }, (_, at) => firstBucket + at),
        ),
      ];
    }
    case "beginSubscription": {
      const { start } = op.request;
      const seq = start.case === "cursor" ? start.value.seq : start.value?.low?.seq;
      return seq === undefined ? [] : [{ datasetId, kind: "position", seq }];
    }
  }
}

function appendReads({ request }: Op<"append">, datasetId: bigint): TableRead[] {
  const keys: Uint8Array[] = [];
  const idempotencyKeys: string[] = [];
  for (const { key, idempotencyKey } of request.changes) {
    keys.push(key);
    if (idempotencyKey !== "") idempotencyKeys.push(idempotencyKey);
  }
  const heads = { datasetId, kind: "heads", keys } as const;
  if (idempotencyKeys.length === 0) return [heads];
  return [heads, { datasetId, kind: "records", idempotencyKeys }];
}

function bucketsRead(datasetId: bigint, buckets: readonly number[]): TableRead {
  return { datasetId, kind: "buckets", buckets, maxBytes: LOOK_BYTES_MAX };
}
