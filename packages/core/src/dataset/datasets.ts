import { compareNames } from "@lockstep/protocol";
import type { Dataset } from "./dataset.ts";

/** The datasets of a namespace. */
export class Datasets {
  readonly #byName = new Map<string, Dataset>();
  readonly #byId = new Map<bigint, Dataset>();

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Dataset | undefined {
    return this.#byName.get(name);
  }

  byId(id: bigint): Dataset | undefined {
    return this.#byId.get(id);
  }

  /** Adds one whose name and id nobody has. */
  add(dataset: Dataset): void {
    this.#byName.set(dataset.name, dataset);
    this.#byId.set(dataset.id, dataset);
  }

  delete({ name, id }: Dataset): void {
    this.#byName.delete(name);
    this.#byId.delete(id);
  }

  /** All of them, by name in byte order. */
  values(): readonly Dataset[] {
    return [...this.#byName.values()].sort((a, b) => compareNames(a.name, b.name));
  }
}
