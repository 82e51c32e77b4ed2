import { type Change, ChangeOp } from "../gen/lockstep/v1/dataset_pb.ts";
import { type DigestHasher, HASH_BYTES, type HashedChange } from "./hasher.ts";
import { type Lanes, MAX_INPUT_BYTES, NOT_HERE, sharedLanes } from "./wasm/lanes.ts";

/** The hashes of what a change says. */
export interface ContentHashes {
  readonly keyHash: Uint8Array;
  /** Undefined of a delete. */
  readonly valueHash: Uint8Array | undefined;
}

/** What a batch adds to the log. */
export interface LoggedHashes {
  /** By change: what its row adds to its bucket, undefined of everything but a put. */
  readonly entryHashes: readonly (Uint8Array | undefined)[];
  /** By change: the log hash after it. */
  readonly logHashes: readonly Uint8Array[];
}

type Content = Pick<Change, "op" | "key" | "value">;

// Groups of lanes, and a place for the log.
const KEYS = 0;
const VALUES = 1;
const ENTRIES = 2;
const CHANGES = 3;
const LOG = 4;

const ENTRY = { keyHash: 8, seq: 40, schemaVersion: 48, valueHash: 52, end: 84 };
const CHANGE = {
  ...{ seq: 8, op: 16, keyHash: 17, schemaVersion: 49, valueHash: 53 },
  ...{ timestampMs: 85, texts: 93 },
};
const LOGGED = { logHash: 8, changeHash: 40, end: 72 };
/** No UTF-16 unit takes more bytes of UTF-8. */
const MAX_UNIT_BYTES = 3;

/**
 * The hashes of many changes of a dataset at once: those that `DigestHasher` gives one by one, four beside one another
 * in WebAssembly where the platform has it.
 */
export class BatchHasher {
  readonly #hasher: DigestHasher;
  readonly #zero = new Uint8Array(HASH_BYTES);
  readonly #encoder = new TextEncoder();
  #lanes: Lanes | null | undefined;

  /**
   * @param hasher the dataset's, for what is not hashed in lanes
   * @param lanes null for none; those of this thread by default
   */
  constructor(hasher: DigestHasher, lanes?: Lanes | null) {
    this.#hasher = hasher;
    this.#lanes = lanes;
  }

  /** The hashes of keys and values, in the order of the changes. */
  contents(changes: readonly Content[]): ContentHashes[] {
    const lanes = this.#lanesFor(changes.length);
    const hasher = this.#hasher;
    const hashedValueOf = ({ op, value }: Content) => (op === ChangeOp.DELETE ? undefined : value);
    if (!lanes)
      return changes.map((change) => {
        const value = hashedValueOf(change);
        return { keyHash: hasher.keyHash(change.key), valueHash: value && hasher.valueHash(value) };
      });
    const keyHashes = this.#keyHashes(lanes, changes);
    const contents: ContentHashes[] = [];
    lanes.hashAll(
      VALUES,
      changes.length,
      (input, at) => {
        const value = hashedValueOf(changes[input] as Content);
        if (!value || value.length > MAX_INPUT_BYTES) return NOT_HERE;
        lanes.write(at, value);
        return value.length;
      },
      (input, hashAt) => {
        const keyHash = keyHashes[input] as Uint8Array;
        const value = hashedValueOf(changes[input] as Content);
        const hash = () =>
          hashAt < 0 ? hasher.valueHash(value as Uint8Array) : lanes.copyOf(hashAt);
        contents.push({ keyHash, valueHash: value && hash() });
      },
    );
    return contents;
  }

  /**
   * The hashes of entries, and the log hashes after these changes, which follow one another.
   * @param contents of the same changes
   * @param logHash the log hash before them
   * @throws TypeError when a delete has a value hash, or another change has none.
   */
  logged(
    changes: readonly HashedChange[],
    contents: readonly ContentHashes[],
    logHash: Uint8Array,
  ): LoggedHashes {
    const lanes = this.#lanesFor(changes.length);
    if (lanes) {
      const entryHashes = this.#entryHashes(lanes, changes, contents);
      return { entryHashes, logHashes: this.#logHashes(lanes, changes, contents, logHash) };
    }
    const hasher = this.#hasher;
    const entryHashes: (Uint8Array | undefined)[] = [];
    const logHashes: Uint8Array[] = [];
    for (const [at, change] of changes.entries()) {
      const { keyHash, valueHash } = contents[at] as ContentHashes;
      const changeHash = hasher.changeHash(change, keyHash, valueHash);
      logHashes.push(hasher.nextLogHash(logHashes.at(-1) ?? logHash, changeHash));
      const hasEntry = change.op === ChangeOp.PUT && valueHash;
      const { seq, schemaVersion } = change;
      entryHashes.push(
        hasEntry ? hasher.entryHash(keyHash, seq, schemaVersion, valueHash) : undefined,
      );
    }
    return { entryHashes, logHashes };
  }

  /** The lanes, with what inputs of this dataset begin with: others may have used them since. */
  #lanesFor(changes: number): Lanes | null {
    // Four lanes take as long for one as for four.
    if (changes < 2) return null;
    if (this.#lanes === undefined) this.#lanes = sharedLanes();
    const lanes = this.#lanes;
    if (!lanes) return null;
    for (let lane = 0; lane < 4; lane += 1) {
      lanes.write(lanes.at(KEYS, lane), this.#hasher.keyStart);
      writeTag(lanes, lanes.at(ENTRIES, lane), "drv1-ent");
      writeTag(lanes, lanes.at(CHANGES, lane), "drv1-chg");
    }
    writeTag(lanes, lanes.at(LOG, 0), "drv1-log");
    return lanes;
  }

  #keyHashes(lanes: Lanes, changes: readonly Content[]): Uint8Array[] {
    const hashes: Uint8Array[] = [];
    const start = this.#hasher.keyStart.length;
    const keyOf = (input: number) => (changes[input] as Content).key;
    lanes.hashAll(
      KEYS,
      changes.length,
      (input, at) => {
        const key = keyOf(input);
        const length = start + 4 + key.length;
        if (length > MAX_INPUT_BYTES) return NOT_HERE;
        lanes.view.setUint32(at + start, key.length);
        lanes.write(at + start + 4, key);
        return length;
      },
      (input, hashAt) =>
        hashes.push(hashAt < 0 ? this.#hasher.keyHash(keyOf(input)) : lanes.copyOf(hashAt)),
    );
    return hashes;
  }

  #entryHashes(
    lanes: Lanes,
    changes: readonly HashedChange[],
    contents: readonly ContentHashes[],
  ): (Uint8Array | undefined)[] {
    const hashes: (Uint8Array | undefined)[] = [];
    lanes.hashAll(
      ENTRIES,
      changes.length,
      (input, at) => {
        const { op, seq, schemaVersion } = changes[input] as HashedChange;
        const { keyHash, valueHash } = contents[input] as ContentHashes;
        if (op !== ChangeOp.PUT || !valueHash) return NOT_HERE;
        lanes.write(at + ENTRY.keyHash, keyHash);
        lanes.view.setBigUint64(at + ENTRY.seq, seq);
        lanes.view.setUint32(at + ENTRY.schemaVersion, schemaVersion);
        lanes.write(at + ENTRY.valueHash, valueHash);
        return ENTRY.end;
      },
      (_, hashAt) => hashes.push(hashAt < 0 ? undefined : lanes.copyOf(hashAt)),
    );
    return hashes;
  }

  #logHashes(
    lanes: Lanes,
    changes: readonly HashedChange[],
    contents: readonly ContentHashes[],
    logHash: Uint8Array,
  ): Uint8Array[] {
    const hashes: Uint8Array[] = [];
    const log = lanes.at(LOG, 0);
    lanes.write(log + LOGGED.logHash, logHash);
    lanes.hashAll(
      CHANGES,
      changes.length,
      (input, at) =>
        this.#writeChange(
          lanes,
          at,
          changes[input] as HashedChange,
          contents[input] as ContentHashes,
        ),
      (input, hashAt) => {
        const change = changes[input] as HashedChange;
        const { keyHash, valueHash } = contents[input] as ContentHashes;
        const to = log + LOGGED.changeHash;
        if (hashAt < 0) lanes.write(to, this.#hasher.changeHash(change, keyHash, valueHash));
        else lanes.move(hashAt, to);
        lanes.hashOne(log, LOGGED.end, log + LOGGED.logHash);
        hashes.push(lanes.copyOf(log + LOGGED.logHash));
      },
    );
    return hashes;
  }

  /** Writes the input of a change, and gives its length. */
  #writeChange(
    lanes: Lanes,
    at: number,
    change: HashedChange,
    { keyHash, valueHash }: ContentHashes,
  ): number {
    const { op, origin, idempotencyKey, correlationId } = change;
    const units = origin.length + idempotencyKey.length + correlationId.length;
    if (CHANGE.texts + 12 + MAX_UNIT_BYTES * units > MAX_INPUT_BYTES) return NOT_HERE;
    // It is refused where it is hashed alone.
    if ((valueHash === undefined) !== (op === ChangeOp.DELETE)) return NOT_HERE;
    const { bytes, view } = lanes;
    view.setBigUint64(at + CHANGE.seq, change.seq);
    bytes[at + CHANGE.op] = op;
    lanes.write(at + CHANGE.keyHash, keyHash);
    view.setUint32(at + CHANGE.schemaVersion, change.schemaVersion);
    lanes.write(at + CHANGE.valueHash, valueHash ?? this.#zero);
    view.setBigUint64(at + CHANGE.timestampMs, change.timestampMs);
    let end = this.#writeText(lanes, at + CHANGE.texts, origin);
    end = this.#writeText(lanes, end, idempotencyKey);
    return this.#writeText(lanes, end, correlationId) - at;
  }

  /** Writes the length of a text and its UTF-8, and says where it ends. */
  #writeText({ bytes, view }: Lanes, at: number, text: string): number {
    const from = at + 4;
    const { length } = text;
    for (let unit = 0; unit < length; unit += 1) {
      const code = text.charCodeAt(unit);
      if (code >= 0x80) {
        const { written } = this.#encoder.encodeInto(text, bytes.subarray(from));
        view.setUint32(at, written);
        return from + written;
      }
      bytes[from + unit] = code;
    }
    view.setUint32(at, length);
    return from + length;
  }
}

function writeTag({ bytes }: Lanes, at: number, tag: string): void {
  for (let unit = 0; unit < tag.length; unit += 1) bytes[at + unit] = tag.charCodeAt(unit);
}
