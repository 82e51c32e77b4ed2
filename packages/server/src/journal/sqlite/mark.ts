import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { errorCode, makePrivateFile } from "../../data-folder/private-files.ts";
import { larger } from "../lineage.ts";

/**
 * The mark is a small file beside the database that says how far the journal had been acknowledged: a
 * hash chain shows that nothing was changed, but not that nothing was cut off at the end.
 *
 * It is written after a batch is durable in the database and before its append settles, without a
 * sync. So while the machine keeps its power, `kill -9` included, the mark names the last acknowledged
 * batch exactly: the page cache has it. After a loss of power it may be older than the database, by what
 * the kernel had not yet written, but never newer, because what it names was synced before it was
 * written. It is synced itself whenever the write-ahead log is moved into the database, so that a
 * log that gets lost whole is still missed.
 *
 * Two slots, 4,096 bytes apart, are written in turn; a slot is smaller than a sector, so a torn write
 * spoils one of them at most. A slot, integers unsigned and big-endian:
 *
 * ```
 * "LOCKMARK" | sequence u64 | revision u64 | epoch u64 | chain hash, 32 bytes | SHA-256 of all before
 * ```
 *
 * The slot with the higher sequence counts.
 */
export interface Mark {
  /** Revision of the last record of the last acknowledged batch, 0 for none. */
  readonly revision: bigint;
  readonly epoch: bigint;
  readonly chain: Uint8Array;
}

/** What a mark file shows. */
export interface MarkReading {
  /** Undefined when there is no file or no slot of it is whole. */
  readonly mark: Mark | undefined;
  /** The highest numbers of all slots, spoilt ones included as far as they can be believed. */
  readonly highest: { readonly revision: bigint; readonly epoch: bigint };
  readonly sequence: bigint;
}

const MAGIC = Buffer.from("LOCKMARK", "latin1");
const SLOT_DISTANCE = 4096;
const CHECKED_LENGTH = 64;
const SLOT_LENGTH = 96;

// A spoilt slot may show anything. Clocks in microseconds stay below this until the year 2255, and
// above it there is room for ever.
const MAX_BELIEVED = 2n ** 53n;

/** Reads a mark file; one that is missing shows nothing. */
export function readMark(path: string): MarkReading {
  const file = readIfThere(path);
  const slots = [readSlot(file, 0), readSlot(file, SLOT_DISTANCE)];
  let mark: Mark | undefined;
  let sequence = 0n;
  let highest = { revision: 0n, epoch: 0n };
  for (const slot of slots) {
    if (slot === undefined) continue;
    if (slot.whole || (slot.revision <= MAX_BELIEVED && slot.epoch <= MAX_BELIEVED)) {
      highest = {
        revision: larger(highest.revision, slot.revision),
        epoch: larger(highest.epoch, slot.epoch),
      };
    }
    if (slot.whole && slot.sequence > sequence) {
      sequence = slot.sequence;
      mark = { revision: slot.revision, epoch: slot.epoch, chain: slot.chain };
    }
  }
  return { mark, highest, sequence };
}

/** The mark file of an open journal. */
export class MarkFile {
  readonly #descriptor: number;
  #sequence: bigint;

  /** Opens the file, making it when it is missing; an empty file is no mark. */
  constructor(path: string, sequence: bigint) {
    makePrivateFile(path);
    this.#descriptor = openSync(path, "r+");
    this.#sequence = sequence;
  }

  /** Writes the mark, without a sync. */
  write(mark: Mark): void {
    this.#sequence += 1n;
    const position = Number(this.#sequence & 1n) * SLOT_DISTANCE;
    writeSync(this.#descriptor, encodeSlot(this.#sequence, mark), 0, SLOT_LENGTH, position);
  }

  /** Makes what was written survive a loss of power. */
  sync(): void {
    fsyncSync(this.#descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function encodeSlot(sequence: bigint, { revision, epoch, chain }: Mark): Buffer {
  const slot = Buffer.alloc(SLOT_LENGTH);
  MAGIC.copy(slot);
  slot.writeBigUInt64BE(sequence, 8);
  slot.writeBigUInt64BE(revision, 16);
  slot.writeBigUInt64BE(epoch, 24);
  slot.set(chain, 32);
  checksum(slot).copy(slot, CHECKED_LENGTH);
  return slot;
}

function readSlot(file: Buffer, position: number) {
  const slot = file.subarray(position, position + SLOT_LENGTH);
  if (slot.length < SLOT_LENGTH) return undefined;
  const whole =
    slot.subarray(0, 8).equals(MAGIC) && slot.subarray(CHECKED_LENGTH).equals(checksum(slot));
  return {
    whole,
    sequence: slot.readBigUInt64BE(8),
    revision: slot.readBigUInt64BE(16),
    epoch: slot.readBigUInt64BE(24),
    chain: new Uint8Array(slot.subarray(32, CHECKED_LENGTH)),
  };
}

function checksum(slot: Buffer): Buffer {
  return createHash("sha256").update(slot.subarray(0, CHECKED_LENGTH)).digest();
}
