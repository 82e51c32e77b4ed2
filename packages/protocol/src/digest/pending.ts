/** A set of small numbers, each in it once, that is emptied one by one. */
export class Pending {
  readonly #isIn: Uint8Array;
  readonly #list: Uint16Array;
  #size = 0;

  /** @param limit above all numbers, at most 65536 */
  constructor(limit: number) {
    this.#isIn = new Uint8Array(limit);
    this.#list = new Uint16Array(limit);
  }

  /** Bytes of its arrays. */
  get byteLength(): number {
    return this.#isIn.byteLength + this.#list.byteLength;
  }

  add(number: number): void {
    if (this.#isIn[number] === 1) return;
    this.#isIn[number] = 1;
    this.#list[this.#size] = number;
    this.#size += 1;
  }

  /** Takes one out, undefined when there is none. */
  take(): number | undefined {
    if (this.#size === 0) return undefined;
    this.#size -= 1;
    const number = this.#list[this.#size] as number;
    this.#isIn[number] = 0;
    return number;
  }
}
