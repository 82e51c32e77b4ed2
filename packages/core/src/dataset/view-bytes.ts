import type { Dataset, Replica } from "@lockstep/protocol";

// Bounds of what an item takes in JSON, the longest form, beside its texts: names of fields, numbers.
const DATASET_BYTES = 2_048;
const REPLICA_BYTES = 1_024;
const FINDING_BYTES = 256;
/** A UTF-16 unit takes at most three bytes of UTF-8; one that JSON escapes takes two. */
const BYTES_PER_UNIT = 3;

/** At least as many bytes as a dataset takes in a reply. */
export function datasetBytes({ dataset, policy }: Dataset): number {
  return DATASET_BYTES + textBytes(dataset) + textBytes(policy?.fenceKey ?? "");
}

/** At least as many bytes as a replica takes in a reply. */
export function replicaBytes({ replica, description, principal, lastDrift }: Replica): number {
  let bytes = REPLICA_BYTES + textBytes(replica + description + principal);
  // Bytes are written as base64.
  for (const { key } of lastDrift?.findings ?? []) bytes += FINDING_BYTES + 2 * key.length;
  return bytes;
}

/** At least as many bytes as a row, or its key with hashes, takes in a reply. */
export function rowBytes(key: Uint8Array, value: Uint8Array | undefined): number {
  return FINDING_BYTES + 2 * (key.length + (value?.length ?? 0));
}

function textBytes(text: string): number {
  return text.length * BYTES_PER_UNIT;
}
