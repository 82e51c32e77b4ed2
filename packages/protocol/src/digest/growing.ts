const FIRST_ITEMS = 16;

type NumberArray = Uint8Array | Uint16Array | Uint32Array;

/** A typed array of items that are added one by one and never removed. It doubles when it is full. */
export class Growing<A extends NumberArray> {
  readonly #make: new (
    length: number,
  ) => A;
  readonly #width: number;
  readonly #maxItems: number;
  #array: A;
  #items = 0;

  /**
   * @param width elements of one item
   * @param maxItems more than which are never added
   */
  constructor(make: new (length: number) => A, width: number, maxItems: number) {
    this.#make = make;
    this.#width = width;
    this.#maxItems = maxItems;
    this.#array = new make(0);
  }

  /** All items, and room for more; another array after each `extend`. */
  get array(): A {
    return this.#array;
  }

  /** Adds an item of zeros and gives its index. */
  extend(): number {
    if (this.#items * this.#width === this.#array.length) this.#grow();
    this.#items += 1;
    return this.#items - 1;
  }

  #grow(): void {
    const items = Math.min(Math.max(FIRST_ITEMS, 2 * this.#items), this.#maxItems);
    const larger = new this.#make(items * this.#width);
    larger.set(this.#array);
    this.#array = larger;
  }
}
