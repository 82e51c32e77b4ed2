import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { portableSha256 } from "../sha256.ts";
import { Lanes, MAX_INPUT_BYTES, NOT_HERE } from "./lanes.ts";

const RUNS = 300;
const GROUP = 2;
// Sizes at which padding begins another block.
const BOUNDARIES = [
  0,
  1,
  55,
  56,
  57,
  63,
  64,
  65,
  119,
  120,
  121,
  127,
  128,
  129,
  183,
  184,
  MAX_INPUT_BYTES,
];
const lanes = new Lanes();

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function native(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex");
}

/** Hashes of inputs in lanes; undefined of those that were said not to be hashed there. */
function inLanes(
  inputs: readonly (Uint8Array | undefined)[],
  skew?: number,
): (string | undefined)[] {
  const hashes: (string | undefined)[] = [];
  lanes.hashAll(
    GROUP,
    inputs.length,
    (at, place) => {
      const input = inputs[at];
      if (!input) return NOT_HERE;
      lanes.write(place, input);
      return input.length;
    },
    (at, place) => {
      expect(at).toBe(hashes.length);
      hashes.push(place === NOT_HERE ? undefined : hex(lanes.copyOf(place)));
    },
    skew,
  );
  return hashes;
}

function alone(input: Uint8Array): string {
  const at = lanes.at(GROUP, 0);
  lanes.write(at, input);
  lanes.hashOne(at, input.length, at);
  return hex(lanes.copyOf(at));
}

describe("Lanes", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("give SHA-256 at every size where a block begins, alone and beside one another", () => {
    const inputs = BOUNDARIES.map((length) =>
      Uint8Array.from({ length }, (_, at) => 7 * at + length),
    );
    expect(inLanes(inputs)).toEqual(inputs.map(native));
    expect(inputs.map(alone)).toEqual(inputs.map(native));
  });

  it("give the same hashes of inputs that begin further on in their lanes", () => {
    const inputs = BOUNDARIES.slice(0, -1).map((length) => new Uint8Array(length).fill(length));
    expect(inLanes(inputs, 1)).toEqual(inputs.map(native));
  });

  it("give SHA-256, as the portable function does, for inputs of any mix of lengths", () => {
    const input = fc.uint8Array({ maxLength: MAX_INPUT_BYTES, size: "max" });
    const some = fc.array(fc.option(input, { nil: undefined }), { maxLength: 9 });
    fc.assert(
      fc.property(some, (inputs) => {
        expect(inLanes(inputs)).toEqual(inputs.map((one) => one && native(one)));
        for (const one of inputs) if (one) expect(hex(portableSha256(one))).toBe(alone(one));
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    ["is none", undefined],
    ["is forbidden", { Module: forbidden(), Instance: forbidden() }],
  ])("are not there where WebAssembly %s, and nobody is told", async (_, engine) => {
    vi.stubGlobal("WebAssembly", engine);
    vi.resetModules();
    const { Lanes: anew, sharedLanes } = await import("./lanes.ts");
    expect(() => new anew()).toThrow();
    expect(sharedLanes()).toBeNull();
  });
});

function forbidden() {
  return class {
    constructor() {
      throw new Error("wasm-unsafe-eval is not allowed");
    }
  };
}
