import { randomBytes, randomUUID } from "node:crypto";

/** Chance. The only way the server gets any. */
export interface Random {
  /** A new UUID. */
  uuid(): string;
  /** So many bytes nobody can foresee. */
  bytes(count: number): Uint8Array;
}

/** The chance of the machine. */
export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
