/** Value types of WebAssembly. */
export const I32 = 0x7f;
export const V128 = 0x7b;

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUNCTION_TYPE = 0x60;
const FUNCTION_KIND = 0x00;
const MEMORY_KIND = 0x02;
const END = 0x0b;

/** Bytes of instructions, in the order in which they are written down, however they are nested. */
export type Code = readonly (number | Code)[];

/** A function that gives nothing back, and is exported. */
export interface WasmFunction {
  readonly name: string;
  /** How many parameters it has, all of type i32; they are the first locals. */
  readonly params: number;
  /** Types of the further locals. */
  readonly locals: readonly number[];
  readonly code: Code;
}

/** The bytes of a module with these functions and one page of memory, which is exported as `memory`. */
export function moduleBytes(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params }) => [
    FUNCTION_TYPE,
    vector(Array.from({ length: params }, () => I32)),
    0,
  ]);
  const memory = [text("memory"), MEMORY_KIND, 0];
  const exports = functions.map(({ name }, index) => [text(name), FUNCTION_KIND, index]);
  return Uint8Array.from(
    flat([
      HEADER,
      section(1, vector(types)),
      section(3, vector(functions.map((_, index) => index))),
      section(5, vector([[0, 1]])),
      section(7, vector([memory, ...exports])),
      section(10, vector(functions.map(bodyOf))),
    ]),
  );
}

/** A number as LEB128 without sign. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** A number of 32 bits as LEB128 with sign. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest & 0x7f);
  return bytes;
}

function bodyOf({ locals, code }: WasmFunction): Code {
  return sized([vector(locals.map((type) => [1, type])), code, END]);
}

function section(id: number, content: Code): Code {
  return [id, sized(content)];
}

function sized(content: Code): Code {
  const bytes = flat(content);
  return [unsigned(bytes.length), bytes];
}

function vector(items: Code): Code {
  return [unsigned(items.length), items];
}

function text(name: string): Code {
  return vector(Array.from(name, (character) => character.charCodeAt(0)));
}

function flat(code: Code, bytes: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === "number") bytes.push(part);
    else flat(part, bytes);
  }
  return bytes;
}
