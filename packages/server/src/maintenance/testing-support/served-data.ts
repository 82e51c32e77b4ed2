import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { expect } from "vitest";
import { type DataFolder, openDataFolder } from "../../data-folder/data-folder.ts";
import type { Executor } from "../../executor/executor.ts";
import { openNamespace } from "../../executor/open-namespace.ts";
import type { Journal } from "../../journal/journal.ts";
import { openSqliteJournal } from "../../journal/sqlite/sqlite-journal.ts";
import { systemClock } from "../../ports/clock.ts";
import { systemRandom } from "../../ports/random.ts";
import { coreCodec } from "../../snapshot/core-codec.ts";
import { InProcessMaker } from "../../snapshot/maker.ts";
import { Churn } from "../../snapshot/testing-support/churn.ts";

/** The namespaces of a server; the name of one is too long for that of a folder. */
export const NAMES = ["default", "Orders/ü", "long".repeat(100)];
/** Above all that is ever used here. */
export const LINEAGE = { revision: 1_000_000n, epoch: 1_000n, grantPauseMs: 0 };

/** A server's data with several namespaces, open: holds, waiters, delays, a snapshot, history. */
export async function serve(path: string, lineage?: typeof LINEAGE) {
  const folder = openDataFolder(path, systemRandom);
  const opened: Opened[] = [];
  const close = async () => {
    for (const { executor, journal } of opened) {
      executor.close();
      await journal.close();
    }
    folder.close();
  };
  try {
    for (const name of NAMES) opened.push(await openIn(folder, name, lineage));
  } catch (error) {
    await close();
    throw error;
  }
  return { folder, opened, close };
}

interface Opened {
  readonly name: string;
  readonly journal: Journal;
  readonly executor: Executor;
  readonly churn: Churn;
}

let starts = 0;

async function openIn(folder: DataFolder, name: string, lineage?: typeof LINEAGE): Promise<Opened> {
  const journal = await openSqliteJournal({
    folder: folder.namespaceFolder(name),
    newLineage: lineage,
  });
  const executor = await openNamespace({
    name,
    clusterId: folder.clusterId,
    node: "node-1",
    clock: systemClock,
    journal,
    limits: DEFAULT_LIMITS,
    serverVersion: "test",
    lineage,
    upkeep: {
      policy: { snapshotEvents: 20, historyEvents: 10, historyAgeMs: 1e12 },
      maker: new InProcessMaker(DEFAULT_LIMITS, coreCodec, systemClock),
      onNotice: (sentence) => expect.unreachable(sentence),
    },
    onStopped: (error) => expect.unreachable(error.message),
  });
  executor.start();
  return { name, journal, executor, churn: new Churn(executor, ++starts) };
}

/** The same, filled. */
export async function serveFilled(path: string) {
  const served = await serve(path);
  for (const { churn, journal } of served.opened) {
    await churn.begin(2);
    while ((journal.state().snapshot ?? 0n) === 0n) await churn.round(2, 3);
    await churn.round(1, 1);
  }
  return served;
}
