import {
  ErrorReason,
  type ReadFreshness,
  ReadLevel,
  type ReadPosition,
  type Row,
  type ScanResponse,
} from "@lockstep/protocol";
import { type Decision, type Facts, replyOnly } from "../decide/decision.ts";
import type { Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { PageRoom } from "../view/page-room.ts";
import type { Dataset } from "./dataset.ts";
import { datasetOf, rowsFor } from "./find.ts";
import type { StoredRow } from "./rows.ts";
import { rowBytes } from "./view-bytes.ts";

const DEFAULT_PAGE_SIZE = 100;
const NO_BYTES = new Uint8Array();

/** Reads a row as of the head. */
export function decideGetRow(
  state: NamespaceState,
  { request }: Op<"getRow">,
  facts: Facts,
): Decision<"getRow"> {
  const dataset = datasetOf(state, request.dataset);
  const position = positionFor(dataset, request.freshness);
  const row = rowsFor(facts, dataset).row(request.key);
  return replyOnly({
    $typeName: "lockstep.v1.GetResponse",
    position,
    ...(row === undefined ? {} : { row: rowView(row) }),
  });
}

/** Reads a page of rows as of the head. */
export function decideScanRows(
  state: NamespaceState,
  { request }: Op<"scanRows">,
  facts: Facts,
): Decision<"scanRows"> {
  const dataset = datasetOf(state, request.dataset);
  const page: ScanResponse = {
    $typeName: "lockstep.v1.ScanResponse",
    position: positionFor(dataset, request.freshness),
    rows: [],
    more: false,
    nextAfterKey: NO_BYTES,
  };
  const { rows, more, lookedUpTo } = rowsFor(facts, dataset).page();
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const room = new PageRoom(state.limits.max_response_bytes);
  for (const row of rows) {
    if (page.rows.length === size || !room.take(rowBytes(row.key, row.value))) break;
    page.rows.push(rowView(row));
  }
  const isCut = page.rows.length < rows.length;
  const upTo = (isCut ? undefined : lookedUpTo) ?? page.rows.at(-1)?.key;
  page.more = upTo !== undefined && (more || isCut);
  if (upTo !== undefined && page.more) page.nextAfterKey = upTo;
  return replyOnly(page);
}

/** A row as it is told. */
export function rowView({ key, value, seq, schemaVersion }: StoredRow): Row {
  return { $typeName: "lockstep.v1.Row", key, value, seq, schemaVersion };
}

/**
 * The server of a dataset is as fresh as can be, unless a change is asked for that it does not have.
 * @throws Refusal STALE_READ.
 */
function positionFor({ head }: Dataset, freshness: ReadFreshness | undefined): ReadPosition {
  const { seq } = head;
  if (freshness?.level === ReadLevel.AT_LEAST && freshness.seq > seq)
    throw new Refusal(
      RefusalCode.FAILED_PRECONDITION,
      ErrorReason.STALE_READ,
      `the read would show the changes up to ${seq} only, and ${freshness.seq} was asked for`,
      { applied_seq: String(seq) },
    );
  return {
    $typeName: "lockstep.v1.ReadPosition",
    appliedSeq: seq,
    stalenessMs: 0n,
    verifiedSeq: seq,
  };
}
