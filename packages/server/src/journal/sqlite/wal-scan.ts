import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { errorCode } from "../../data-folder/private-files.ts";

/**
 * What a write-ahead log looks like before SQLite opens it.
 *
 * SQLite takes the frames up to the first one whose salts or checksum are wrong and drops the rest
 * without a word. That is right for the end of a write that was cut off and wrong for a damaged disk.
 * The two can be told apart, because with `synchronous=FULL` the next commit is written only after the
 * one before it was synced: a power loss can spoil the last commit, never one that others follow.
 *
 * - `empty`: no log, or nothing of it was ever committed.
 * - `whole`: every frame of the present generation is good and committed.
 * - `torn`: the last commit is not whole; SQLite drops it.
 * - `damaged`: a commit that others follow is not whole, or the header is spoilt.
 */
export type WalScan =
  | { readonly state: "empty" | "whole" }
  | { readonly state: "torn"; readonly keptFrames: number }
  | { readonly state: "damaged"; readonly what: string };

const HEADER_LENGTH = 32;
const FRAME_HEADER_LENGTH = 24;
const MAGIC_LITTLE = 0x377f0682;
const MAGIC_BIG = 0x377f0683;

type Sums = readonly [number, number];

interface WalHeader {
  readonly littleEndian: boolean;
  readonly frameLength: number;
  readonly salts: Buffer;
  readonly sums: Sums;
}

/** Scans a log file, following https://www.sqlite.org/fileformat2.html#the_write_ahead_log. */
export function scanWal(path: string): WalScan {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { state: "empty" };
    throw error;
  }
  try {
    return scanOpenWal(descriptor, fstatSync(descriptor).size);
  } finally {
    closeSync(descriptor);
  }
}

function scanOpenWal(descriptor: number, size: number): WalScan {
  // The header is synced before the first frame is written: without frames nothing was committed.
  if (size <= HEADER_LENGTH) return { state: "empty" };
  const headerBytes = readAt(descriptor, 0, HEADER_LENGTH);
  const header = parseHeader(headerBytes);
  if (header === undefined) {
    if (isAllZero(descriptor, size)) return { state: "empty" };
    return { state: "damaged", what: "its header is spoilt" };
  }
  const scan = new FrameScan(header);
  for (let at = HEADER_LENGTH; at < size; at += header.frameLength) {
    scan.add(readAt(descriptor, at, Math.min(header.frameLength, size - at)));
  }
  return scan.result();
}

class FrameScan {
  readonly #header: WalHeader;
  #sums: Sums;
  #frames = 0;
  #committedFrames = 0;
  #firstBad: number | undefined;
  /** A commit ended at or after the first bad frame: what follows belongs to another. */
  #badCommitEnded = false;
  #unfinished = false;
  #damage: string | undefined;

  constructor(header: WalHeader) {
    this.#header = header;
    this.#sums = header.sums;
  }

  add(frame: Buffer): void {
    this.#frames += 1;
    // Frames of an earlier generation are left behind the end of the present one.
    const present = frame.length >= 16 && frame.subarray(8, 16).equals(this.#header.salts);
    if (this.#firstBad === undefined && present && this.#isGood(frame)) {
      if (isCommit(frame)) this.#committedFrames = this.#frames;
      return;
    }
    this.#firstBad ??= this.#frames;
    if (!present) return;
    this.#unfinished = true;
    if (this.#badCommitEnded) {
      this.#damage ??= `frame ${this.#firstBad} is spoilt, and a later commit follows it`;
    }
    if (isCommit(frame)) this.#badCommitEnded = true;
  }

  result(): WalScan {
    if (this.#damage !== undefined) return { state: "damaged", what: this.#damage };
    const good = this.#firstBad === undefined ? this.#frames : this.#firstBad - 1;
    const torn = this.#unfinished || good > this.#committedFrames;
    return torn ? { state: "torn", keptFrames: this.#committedFrames } : { state: "whole" };
  }

  #isGood(frame: Buffer): boolean {
    const { frameLength, littleEndian } = this.#header;
    if (frame.length < frameLength || frame.readUInt32BE(0) === 0) return false;
    const overHead = checksum(frame.subarray(0, 8), this.#sums, littleEndian);
    const sums = checksum(frame.subarray(FRAME_HEADER_LENGTH), overHead, littleEndian);
    if (frame.readUInt32BE(16) !== sums[0] || frame.readUInt32BE(20) !== sums[1]) return false;
    this.#sums = sums;
    return true;
  }
}

function isCommit(frame: Buffer): boolean {
  return frame.readUInt32BE(4) !== 0;
}

function parseHeader(bytes: Buffer): WalHeader | undefined {
  const magic = bytes.readUInt32BE(0);
  if (magic !== MAGIC_LITTLE && magic !== MAGIC_BIG) return undefined;
  const littleEndian = magic === MAGIC_LITTLE;
  const sums = checksum(bytes.subarray(0, 24), [0, 0], littleEndian);
  if (bytes.readUInt32BE(24) !== sums[0] || bytes.readUInt32BE(28) !== sums[1]) return undefined;
  const pageSize = bytes.readUInt32BE(8);
  if (pageSize < 512 || pageSize > 65_536) return undefined;
  const frameLength = FRAME_HEADER_LENGTH + pageSize;
  return { littleEndian, frameLength, salts: bytes.subarray(16, 24), sums };
}

function checksum(bytes: Buffer, start: Sums, littleEndian: boolean): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [first, second] = start;
  for (let at = 0; at < bytes.length; at += 8) {
    first = (first + view.getUint32(at, littleEndian) + second) >>> 0;
    second = (second + view.getUint32(at + 4, littleEndian) + first) >>> 0;
  }
  return [first, second];
}

function isAllZero(descriptor: number, size: number): boolean {
  const step = 65_536;
  for (let at = 0; at < size; at += step) {
    if (readAt(descriptor, at, Math.min(step, size - at)).some((byte) => byte !== 0)) return false;
  }
  return true;
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const count = readSync(descriptor, bytes, read, length - read, position + read);
    if (count === 0) throw new Error("the write-ahead log ended while it was read");
    read += count;
  }
  return bytes;
}
