/** Counts how often rare things have happened, by name. */
export class Marks {
  readonly counts = new Map<string, number>();

  hit(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  /** Adds what another run has counted. */
  add(counts: Iterable<readonly [string, number]>): void {
    for (const [name, times] of counts) this.hit(name, times);
  }
}
