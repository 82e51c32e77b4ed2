// FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv: fast, and keys that meet cost a read and nothing else.
const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** 32 bits that tell most keys of all datasets from one another. */
export function keyTag(datasetId: bigint, key: Uint8Array): number {
  let hash = FNV_START ^ Number(datasetId & 0xffff_ffffn);
  for (const byte of key) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash | 0;
}
