import {
  type Code,
  I32,
  moduleBytes,
  signed,
  unsigned,
  V128,
  type WasmFunction,
} from "./module-bytes.ts";

/** Bytes from the beginning of a lane to that of the next; a lane holds what is hashed, and its padding. */
export const LANE_BYTES = 640;
/** Where `hash4` reads how many blocks each lane has, four i32. */
export const COUNTS_AT = 0;
/** Where `hash4` puts the hashes of the lanes, one after the other. */
export const HASHES_AT = 64;

/** How the same steps are written for one number, and for four beside one another. */
interface Ops {
  readonly type: number;
  readonly add: Code;
  readonly and: Code;
  readonly xor: Code;
  constant(value: number): Code;
  /** The number in a local, turned to the right. */
  turned(local: number, bits: number): Code;
  /** The number in a local, shifted to the right. */
  shifted(local: number, bits: number): Code;
}

const BLOCK_BYTES = 64;
const ROUNDS = 64;
const BYTES_SWAPPED = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

/** The round constants come from as many primes. */
const PRIMES_BELOW = 312;
const STATE_WORDS = 8;

const single: Ops = {
  type: I32,
  add: [0x6a],
  and: [0x71],
  xor: [0x73],
  constant: (value) => [0x41, signed(value)],
  turned: (local, bits) => [get(local), 0x41, bits, 0x78],
  shifted: (local, bits) => [get(local), 0x41, bits, 0x76],
};

const lanes: Ops = {
  type: V128,
  add: simd(174),
  and: simd(78),
  xor: simd(81),
  constant: (value) => [single.constant(value), simd(17)],
  turned: (local, bits) => [
    [lanes.shifted(local, bits), get(local), 0x41, 32 - bits, simd(171)],
    simd(80),
  ],
  shifted: (local, bits) => [get(local), 0x41, bits, simd(173)],
};

/**
 * A module with two functions. `hash1(at, blocks, out)` hashes the padded blocks of one input. `hash4(at, blocks)` hashes
 * those of four lanes beside one another, where the longest has so many blocks: one with fewer keeps the hash it had then.
 */
export function sha256Module(): Uint8Array<ArrayBuffer> {
  return moduleBytes([hash1(), hash4()]);
}

// Parameters, and the locals behind them.
const AT = 0;
const BLOCKS = 1;
const OUT = 2;
const STATE = 3;
const WORKING = STATE + 8;
const WORDS = WORKING + 8;
const TOTAL = WORDS + 16;
const EVEN = TOTAL + 1;
const ODD = EVEN + 1;
const ROWS = ODD + 1;
const HALVES = ROWS + 4;
const COUNTS = HALVES + 4;
const BLOCK = COUNTS + 1;

function hash1(): WasmFunction {
  const load = range(4).map((quad) => [
    [loadRow(16 * quad), set(ROWS)],
    range(4).map((word) => [[get(ROWS), simd(27), word, set(WORDS + 4 * quad + word)]]),
  ]);
  const row = (half: number) => [
    [get(STATE + 4 * half), simd(17)],
    [1, 2, 3].map((word) => [get(STATE + 4 * half + word), simd(28), word]),
  ];
  const code = [
    firstState(single),
    loop([load, rounds(single), nextState(single, []), nextBlock()]),
    range(2).map((half) => [get(OUT), row(half), swapBytes(), store(16 * half)]),
  ];
  return { name: "hash1", params: 3, locals: localsOf(single), code };
}

function hash4(): WasmFunction {
  const load = range(4).map((quad) => [
    range(4).map((lane) => [[loadRow(16 * quad + LANE_BYTES * lane), set(ROWS + lane)]]),
    transposed(ROWS, WORDS + 4 * quad),
  ]);
  // All bits of a lane that has this block.
  const isActive = [get(COUNTS), get(BLOCK), simd(17), simd(59), set(TOTAL)];
  const written = range(2).map((half) => [
    transposed(STATE + 4 * half, WORDS),
    range(4).map((lane) => [
      [single.constant(0), get(WORDS + lane), swapBytes()],
      store(HASHES_AT + 32 * lane + 16 * half),
    ]),
  ]);
  const code = [
    [single.constant(0), simd(0), 0, unsigned(COUNTS_AT), set(COUNTS)],
    firstState(lanes),
    loop([
      [load, rounds(lanes), isActive],
      nextState(lanes, [get(TOTAL), lanes.and]),
      [get(BLOCK), single.constant(1), single.add, set(BLOCK)],
      nextBlock(),
    ]),
    written,
  ];
  return { name: "hash4", params: 2, locals: [I32, ...localsOf(lanes)], code };
}

function localsOf({ type }: Ops): number[] {
  return [...range(ROWS - STATE).map(() => type), ...range(BLOCK - ROWS).map(() => V128), I32];
}

function firstState(ops: Ops): Code {
  // Fractions of the square roots of the first eight primes.
  const words = primes()
    .slice(0, STATE_WORDS)
    .map((prime) => fraction(prime, 2));
  return words.map((word, at) => [ops.constant(word), set(STATE + at)]);
}

/** 64 rounds over the words of a block. Which variable is a, which b and so on moves on by one with each. */
function rounds(ops: Ops): Code {
  const start = range(8).map((at) => [get(STATE + at), set(WORKING + at)]);
  const first = [get(WORKING + 1), get(WORKING + 2), ops.xor, set(EVEN)];
  // Each round adds the fraction of the cube root of the next prime.
  const all = primes().map((prime, round) => oneRound(ops, round, fraction(prime, 3)));
  return [start, first, all];
}

function oneRound(ops: Ops, round: number, constant: number): Code {
  const { add, and, xor } = ops;
  const variable = (at: number) => WORKING + ((at + ROUNDS - round) & 7);
  const [a, b, d] = [variable(0), variable(1), variable(3)];
  const [e, f, g, h] = [variable(4), variable(5), variable(6), variable(7)];
  // b ^ c is a ^ b of the round before.
  const [before, now] = round % 2 === 0 ? [EVEN, ODD] : [ODD, EVEN];
  const choice = [get(f), get(g), xor, get(e), and, get(g), xor];
  const changed = [get(a), get(b), xor, set(now), get(now)];
  const majority = [changed, get(before), and, get(b), xor];
  return [
    round < 16 ? [] : schedule(ops, round),
    [get(h), ops.constant(constant), add],
    [get(WORDS + (round & 15)), add, choice, add],
    [turned(ops, e, [6, 11, 25]), add, set(TOTAL)],
    [get(d), get(TOTAL), add, set(d)],
    [get(TOTAL), majority, add, turned(ops, a, [2, 13, 22]), add, set(h)],
  ];
}

function schedule(ops: Ops, round: number): Code {
  const word = (back: number) => WORDS + ((round - back) & 15);
  const sigma = (local: number, turns: readonly number[], shift: number) => [
    [turned(ops, local, turns), ops.shifted(local, shift), ops.xor],
  ];
  return [
    [get(word(16)), get(word(7)), ops.add],
    [sigma(word(15), [7, 18], 3), ops.add],
    [sigma(word(2), [17, 19], 10), ops.add, set(word(16))],
  ];
}

function turned(ops: Ops, local: number, turns: readonly number[]): Code {
  return turns.map((bits, at) => [ops.turned(local, bits), at === 0 ? [] : ops.xor]);
}

function nextState({ add }: Ops, mask: Code): Code {
  return range(8).map((at) => [[get(WORKING + at), mask, get(STATE + at), add, set(STATE + at)]]);
}

/** Goes on to the next block, and leaves on the stack how many there are still. */
function nextBlock(): Code {
  return [
    [get(AT), single.constant(BLOCK_BYTES), single.add, set(AT)],
    [get(BLOCKS), single.constant(-1), single.add, set(BLOCKS), get(BLOCKS)],
  ];
}

/** Repeats the code as long as it leaves another number than 0. */
function loop(code: Code): Code {
  return [0x03, 0x40, code, 0x0d, 0, 0x0b];
}

/** The 16 bytes of the block at an offset, as four numbers that were big-endian. */
function loadRow(offset: number): Code {
  return [get(AT), simd(0), 0, unsigned(offset), swapBytes()];
}

function store(offset: number): Code {
  return [simd(11), 0, unsigned(offset)];
}

/** Turns the bytes of the four numbers on the stack round. */
function swapBytes(): Code {
  return [set(HALVES), get(HALVES), get(HALVES), simd(13), BYTES_SWAPPED];
}

/** Makes rows of what were columns: four numbers of each of four locals. */
function transposed(from: number, to: number): Code {
  const [first, second, third, fourth] = [from, from + 1, from + 2, from + 3] as const;
  return [
    [picked(first, second, [0, 4, 1, 5]), set(HALVES)],
    [picked(third, fourth, [0, 4, 1, 5]), set(HALVES + 1)],
    [picked(first, second, [2, 6, 3, 7]), set(HALVES + 2)],
    [picked(third, fourth, [2, 6, 3, 7]), set(HALVES + 3)],
    [picked(HALVES, HALVES + 1, [0, 1, 4, 5]), set(to)],
    [picked(HALVES, HALVES + 1, [2, 3, 6, 7]), set(to + 1)],
    [picked(HALVES + 2, HALVES + 3, [0, 1, 4, 5]), set(to + 2)],
    [picked(HALVES + 2, HALVES + 3, [2, 3, 6, 7]), set(to + 3)],
  ];
}

/** Four numbers out of eight, those of two locals. */
function picked(left: number, right: number, numbers: readonly number[]): Code {
  const bytes = numbers.flatMap((number) => range(4).map((byte) => 4 * number + byte));
  return [get(left), get(right), simd(13), bytes];
}

function get(local: number): Code {
  return [0x20, local];
}

function set(local: number): Code {
  return [0x21, local];
}

function simd(operation: number): Code {
  return [0xfd, unsigned(operation)];
}

function range(length: number): number[] {
  return Array.from({ length }, (_, at) => at);
}

function primes(): number[] {
  return range(PRIMES_BELOW).filter((number) => number > 1 && isPrime(number));
}

function isPrime(number: number): boolean {
  return range(number).every((by) => by < 2 || number % by !== 0);
}

/** The first 32 bits of the fraction of a root: 2 for the square root, 3 for the cube root. */
function fraction(prime: number, power: 2 | 3): number {
  // The largest whole number whose power is at most prime * 2^(32 * power).
  const limit = BigInt(prime) << BigInt(32 * power);
  let root = 0n;
  for (let bit = 1n << 36n; bit > 0n; bit >>= 1n)
    if ((root + bit) ** BigInt(power) <= limit) root += bit;
  return Number(root & 0xffff_ffffn);
}
