import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { AppliedChange } from "../apply/applied-change.ts";
import type { Replica } from "../replicate.ts";
import { MemoryStore } from "../store/memory.ts";
import type { MemoryUser } from "../store/memory-tx.ts";
import { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import type { World } from "./world.ts";

/** Ends a process: nothing of it goes on. */
class Crash extends Error {}

/** When a store dies: at which commit, and whether just before or just after it. */
export interface Fate {
  readonly crashAt: number;
  readonly after: boolean;
}

/** A store that dies at a commit, and can be opened again as the crash has left it. */
export interface DyingStore {
  readonly isDead: boolean;
  /** Starts a replica on it: the first one dies, later ones do not. With `counts` it counts what it applies. */
  start(here: World, options?: { readonly counts: boolean }): Replica;
  /** How often each change behind the snapshot has been applied and committed, by its seq. */
  applied(): ReadonlyMap<string, number>;
  remove(): void;
}

/** The stores that die here, by name. */
export const dyingStores = { memory: dyingMemory, SQLite: dyingSqlite } as const;

/** One life of a process. */
class Life {
  isDead = false;
  readonly #fate: Fate;
  readonly #onDeath: () => void;
  #commits = 0;

  constructor(fate: Fate, onDeath: () => void = () => {}) {
    this.#fate = fate;
    this.#onDeath = onDeath;
  }

  requireAlive(): void {
    if (this.isDead) throw new Crash();
  }

  beforeCommit(): void {
    this.requireAlive();
    this.#commits += 1;
    if (!this.#fate.after) this.#meetFate();
  }

  afterCommit(): void {
    if (this.#fate.after) this.#meetFate();
  }

  #meetFate(): void {
    if (this.#commits !== this.#fate.crashAt) return;
    this.isDead = true;
    this.#onDeath();
    throw new Crash();
  }
}

function dyingMemory(fate: Fate): DyingStore {
  const life = new Life(fate);
  let [isFirst, isOver] = [true, false];
  const store = new MemoryStore({
    beforeCommit: () => isOver || life.beforeCommit(),
    afterCommit: () => isOver || life.afterCommit(),
  });
  const apply = ({ seq, cause }: AppliedChange, tx: MemoryUser) => {
    const name = `${seq}`;
    if (cause === "TAIL") tx.set(name, ((tx.get(name) as number | undefined) ?? 0) + 1);
  };
  return {
    get isDead() {
      return life.isDead;
    },
    start: (here, { counts } = { counts: false }) => {
      isOver = !isFirst;
      isFirst = false;
      return here.start<MemoryUser>({ store, ...(counts && { apply }) });
    },
    applied: () => store.user as ReadonlyMap<string, number>,
    remove: () => {},
  };
}

/** In a file. What is opened again is the file as it was at the crash, neither closed nor rolled back. */
function dyingSqlite(fate: Fate): DyingStore {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-replica-"));
  const [first, crashed] = [join(folder, "first.db"), join(folder, "crashed.db")];
  const tables = new DatabaseSync(first);
  tables.exec("CREATE TABLE applied (seq TEXT PRIMARY KEY, times INTEGER NOT NULL)");
  tables.close();
  const life = new Life(fate, () => copyAsItIs(first, crashed));
  let path = "";
  const apply = ({ seq, cause }: AppliedChange, database: DatabaseSync) => {
    if (cause !== "TAIL") return;
    const count = "INSERT INTO applied VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1";
    database.prepare(count).run(`${seq}`);
  };
  return {
    get isDead() {
      return life.isDead;
    },
    start: (here, { counts } = { counts: false }) => {
      const isFirst = path === "";
      path = life.isDead ? crashed : first;
      const opened = new SqliteStore({ path });
      const store = isFirst ? mortal(opened, life) : opened;
      return here.start<DatabaseSync>({ store, ...(counts && { apply }) });
    },
    applied: () => {
      const database = new DatabaseSync(path, { readOnly: true });
      const rows = database.prepare("SELECT seq, times FROM applied").all();
      database.close();
      return new Map(rows.map(({ seq, times }) => [String(seq), Number(times)]));
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** The file and what it has not taken over yet: the rest is of the process. */
function copyAsItIs(from: string, to: string): void {
  for (const suffix of ["", "-wal"])
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
}

function mortal<Tx>(store: Store<Tx>, life: Life): Store<Tx> {
  return {
    ...(store.sha256 && { sha256: store.sha256 }),
    load: () => store.load(),
    get: (key) => store.get(key),
    scan: (prefix, afterKey, limit) => store.scan(prefix, afterKey, limit),
    rowsOfBuckets: (first, end) => store.rowsOfBuckets(first, end),
    letters: () => store.letters(),
    close: () => store.close(),
    transaction: async (work) => {
      const result = await store.transaction(async (tx) => {
        life.requireAlive();
        const done = await work(tx);
        life.beforeCommit();
        return done;
      });
      life.afterCommit();
      return result;
    },
  };
}
