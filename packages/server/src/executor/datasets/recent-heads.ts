import type { RowHead, RowWrite } from "@lockstep/core";
import { keyTag } from "./key-hash.ts";

/**
 * A key may lie in any slot of one set. In direct slots the keys of a dataset meet long before the slots are full, and one
 * append whose row is not known keeps all behind it waiting.
 */
const WAYS = 8;
const SETS = 32_768;
/** How many heads may be known. A slot takes 105 bytes. */
const SLOTS = SETS * WAYS;
/** Heads of rows with longer keys are not kept. */
const KEY_BYTES_MAX = 48;
const HASH_BYTES = 32;
/** In the place of the size of a row: there is no such row. */
const ABSENT = 0xffff_ffff;

/**
 * The heads of rows that were decided last: an append to one of them need not wait for the journal's thread. It is
 * told of everything that is decided, so what it knows of a row is so.
 *
 * In a set that is full a key takes the slot of the one that came before all others. All is in arrays of numbers, so
 * that what comes and goes is no work for the collector of garbage.
 */
export class RecentHeads {
  /** Made when they are needed first. */
  #slots: Slots | undefined;

  /** Takes what was decided of a row. */
  decided(write: RowWrite): void {
    if (write.kind === "delete") this.absent(write.datasetId, write.key);
    if (write.kind !== "put") return;
    const { key, value, seq, entryHash } = write.row;
    const slots = this.#made();
    const slot = take(slots, write.datasetId, key);
    if (slot < 0) return;
    slots.bytes[slot] = key.length + value.length;
    slots.seqs[slot] = seq;
    slots.hashes.set(entryHash, slot * HASH_BYTES);
  }

  /** There is no row with this key. */
  absent(datasetId: bigint, key: Uint8Array): void {
    const slots = this.#made();
    const slot = take(slots, datasetId, key);
    if (slot >= 0) slots.bytes[slot] = ABSENT;
  }

  /** Whether `head` knows of the row, or that there is none. */
  has(datasetId: bigint, key: Uint8Array): boolean {
    return this.#slots !== undefined && find(this.#slots, datasetId, key) >= 0;
  }

  /** The head of a row: undefined when there is none, "unknown" when nothing is known. */
  head(datasetId: bigint, key: Uint8Array): RowHead | "unknown" | undefined {
    if (this.#slots === undefined) return "unknown";
    const { bytes, seqs, hashes } = this.#slots;
    const slot = find(this.#slots, datasetId, key);
    if (slot < 0) return "unknown";
    if (bytes[slot] === ABSENT) return undefined;
    const hashAt = slot * HASH_BYTES;
    return {
      seq: seqs[slot] as bigint,
      entryHash: hashes.slice(hashAt, hashAt + HASH_BYTES),
      bytes: bytes[slot] as number,
    };
  }

  #made(): Slots {
    this.#slots ??= newSlots();
    return this.#slots;
  }
}

type Slots = ReturnType<typeof newSlots>;

function newSlots() {
  return {
    /** Where the next key of a set goes. */
    nextWays: new Uint8Array(SETS),
    /** The hashes of the keys: most others are told by them alone. */
    tags: new Int32Array(SLOTS),
    keys: new Uint8Array(SLOTS * KEY_BYTES_MAX),
    /** One more than the length of the key: 0 of an empty slot. */
    keyLengths: new Uint8Array(SLOTS),
    datasetIds: new BigUint64Array(SLOTS),
    seqs: new BigUint64Array(SLOTS),
    bytes: new Uint32Array(SLOTS),
    hashes: new Uint8Array(SLOTS * HASH_BYTES),
  };
}

/** The slot in which a key lies, or -1. */
function find(slots: Slots, datasetId: bigint, key: Uint8Array): number {
  return findTagged(slots, datasetId, key, keyTag(datasetId, key));
}

function findTagged(slots: Slots, datasetId: bigint, key: Uint8Array, tag: number): number {
  const first = setOf(tag) * WAYS;
  for (let slot = first; slot < first + WAYS; slot += 1) {
    if (slots.tags[slot] === tag && holds(slots, slot, datasetId, key)) return slot;
  }
  return -1;
}

function holds(
  { keys, keyLengths, datasetIds }: Slots,
  slot: number,
  datasetId: bigint,
  key: Uint8Array,
): boolean {
  if (keyLengths[slot] !== key.length + 1 || datasetIds[slot] !== datasetId) return false;
  const keyAt = slot * KEY_BYTES_MAX;
  for (let at = 0; at < key.length; at += 1) if (keys[keyAt + at] !== key[at]) return false;
  return true;
}

/** The slot of a key, which is given one when it has none; -1 when the key is too long. */
function take(slots: Slots, datasetId: bigint, key: Uint8Array): number {
  if (key.length > KEY_BYTES_MAX) return -1;
  const tag = keyTag(datasetId, key);
  const known = findTagged(slots, datasetId, key, tag);
  if (known >= 0) return known;
  const set = setOf(tag);
  const way = slots.nextWays[set] as number;
  slots.nextWays[set] = (way + 1) % WAYS;
  const slot = set * WAYS + way;
  slots.tags[slot] = tag;
  slots.keyLengths[slot] = key.length + 1;
  slots.datasetIds[slot] = datasetId;
  slots.keys.set(key, slot * KEY_BYTES_MAX);
  return slot;
}

function setOf(tag: number): number {
  return (tag ^ (tag >>> 16)) & (SETS - 1);
}
