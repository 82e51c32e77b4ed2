import { create } from "@bufbuild/protobuf";
import {
  type Row,
  RowSchema,
  SnapshotChunkSchema,
  type Started,
  type SubscribeResponse,
} from "@lockstep/protocol";
import { damagedRefusal } from "../../executor/datasets/row-facts.ts";
import type { PageLimit } from "../../journal/journal.ts";
import type { StoredPage } from "../../journal/tables.ts";
import { settle, unlessAborted } from "../settle.ts";
import { type Followed, type SubscriptionPart, signalsOf, stillFollowed } from "./followed.ts";

/** How many rows a chunk has at most: small ones must not make it a large message. */
const CHUNK_ROWS_MAX = 4_096;

/** Sends the rows above a key by key in byte order, and the state that they lead to with the tail. */
export async function* snapshotPart(
  followed: Followed,
  { snapshotId }: Started,
  resumedAfterKey: Uint8Array,
): AsyncGenerator<SubscriptionPart> {
  const { namespace, datasetId, call, environment } = followed;
  const limit = {
    maxRecords: CHUNK_ROWS_MAX,
    maxBytes: environment.limits.max_snapshot_chunk_bytes,
  };
  const rowsEstimate = await liveRows(followed);
  let afterKey = resumedAfterKey;
  for (let more = true; more; ) {
    const page = await read(followed, afterKey, limit);
    const rows = rowsOf(page, followed);
    await settle(
      namespace.submit<"renewSnapshot">({ kind: "renewSnapshot", datasetId, snapshotId }),
      call.signal,
    );
    afterKey = rows.at(-1)?.key ?? afterKey;
    more = page.more;
    if (rows.length === 0) continue;
    const value = create(SnapshotChunkSchema, { rows, rowsEstimate });
    yield { case: "snapshotChunk", value };
  }
  const end: SubscribeResponse = await settle(
    namespace.submit<"endSnapshot">({ kind: "endSnapshot", datasetId, snapshotId }),
    call.signal,
  );
  yield end.part;
}

/** Reads the rows above a key when its turn has come. */
function read(followed: Followed, afterKey: Uint8Array, limit: PageLimit): Promise<StoredPage> {
  const { datasetId, call, turns } = followed;
  return turns.disk.run(signalsOf(followed), () =>
    unlessAborted(stillFollowed(followed).reads.readRows(datasetId, afterKey, limit), call.signal),
  );
}

function rowsOf({ rows }: StoredPage, { datasetName }: Followed): Row[] {
  return rows.map((row) => {
    if ("damaged" in row) throw damagedRefusal(datasetName, row);
    const { key, value, seq, schemaVersion } = row;
    return create(RowSchema, { key, value, seq, schemaVersion });
  });
}

/** About how many rows there are, for people. */
async function liveRows({ namespace, datasetName, call }: Followed): Promise<bigint> {
  const request = {
    $typeName: "lockstep.v1.DescribeDatasetRequest",
    namespace: "",
    dataset: datasetName,
  } as const;
  const pending = namespace.submit<"describeDataset">({ kind: "describeDataset", request });
  return (await settle(pending, call.signal)).dataset?.count ?? 0n;
}
