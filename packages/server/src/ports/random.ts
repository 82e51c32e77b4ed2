import { randomBytes, randomUUID } from "node:crypto";

/** Chance. The only way the server gets any. */
export interface Random {
  /** A number from 0 up to but not including 1. */
  fraction(): number;
  /** Unpredictable bytes. */
  bytes(length: number): Uint8Array;
  /** A new UUID. */
  uuid(): string;
}

/** The chance of the machine. */
export const systemRandom: Random = {
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
};
