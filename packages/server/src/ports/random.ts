import { randomUUID } from "node:crypto";

/** Chance. The only way the server gets any. */
export interface Random {
  /** A new UUID. */
  uuid(): string;
}

/** The chance of the machine. */
export const systemRandom: Random = { uuid: () => randomUUID() };
