/** Chance. The only way the client gets any. */
export interface Random {
  /** A number from 0 up to but not including 1. */
  fraction(): number;
  /** Unpredictable bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** The chance of the machine, in Node and in browsers. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};
