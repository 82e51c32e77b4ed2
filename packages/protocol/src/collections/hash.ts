// Drawn anew for each process, as the engine does for its own tables: nobody who chooses keys can choose them so that
// they all fall into one place. No result depends on it.
const [SEED = 0, SEED_2 = 0] = crypto.getRandomValues(new Int32Array(2));
const MULTIPLIER = 0x9e3779b1;
const MULTIPLIER_2 = 0x85ebca6b;
const TWO_32 = 2 ** 32;
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Spreads keys over 32 bits. Equal keys have equal hashes; others have rarely. */
export function hashOf(key: bigint | number | string): number {
  if (typeof key === "string") return textHash(key);
  const hash = numberHash(Number(key));
  // A number has not all bits of a larger bigint: thousands of neighbours would share one place.
  if (typeof key !== "bigint" || key <= SAFE_MAX) return hash;
  return numberHash(Number(BigInt.asUintN(32, key)) ^ hash);
}

function numberHash(value: number): number {
  const high = Math.floor(value / TWO_32) | 0;
  let hash = Math.imul((value | 0) ^ SEED, MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 15) ^ high, MULTIPLIER_2);
  return hash ^ (hash >>> 13);
}

function textHash(text: string): number {
  let hash = SEED ^ text.length;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), MULTIPLIER);
    hash = (hash << 13) | (hash >>> 19);
  }
  hash = Math.imul(hash ^ SEED_2, MULTIPLIER_2);
  return hash ^ (hash >>> 16);
}
