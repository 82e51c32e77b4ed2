/** One change: a value under a key. */
export interface Entry {
  /** Who writes it, and what: `caller/key`. */
  readonly key: string;
  readonly value: Uint8Array;
}

/** A system that keeps logs of changes and hands them to whoever follows. */
export interface System {
  readonly name: string;
  /** What is measured, such as `redis-server 7.0.15`, and with which libraries. */
  readonly version: string;
  /** Makes a new log, empty. */
  open(name: string): Promise<ChangeLog>;
  /** What its server has computed so far, milliseconds of a processor; only where that can be told. */
  cpuMs?(): Promise<number>;
  /** Ends what was started for it. */
  close(): Promise<void>;
}

/** A log of changes. */
export interface ChangeLog {
  /** Appends all of them or none, in this order. Resolves when they are on the disk. The keys differ. */
  append(entries: readonly Entry[]): Promise<void>;
  /** How it can be followed, by name; the first one is the cheapest. */
  readonly followers: Readonly<Record<string, Follow>>;
  /** How all its rows can be read as of one moment, by name. Tells how many there were. */
  readonly snapshots: Readonly<Record<string, () => Promise<number>>>;
}

/**
 * Follows a log over a connection of its own: what was in it from the beginning, or what comes from now on. Resolves
 * when nothing of that can be missed any more.
 */
export type Follow = (from: "beginning" | "end", onChange: OnChange) => Promise<Follower>;

/** Told of each change in its order, as soon as it is where it is to be: at the follower, or on its disk. */
export type OnChange = (key: string) => void;

/** Somebody who follows. */
export interface Follower {
  stop(): Promise<void>;
}
