import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect } from "@lockstep/client/node";
import type { Checkpoint } from "@lockstep/protocol";
import { Numbers } from "../../crash/numbers.ts";
import { eventually } from "../../eventually.ts";
import { ServerProcess } from "../../processes/server-process.ts";
import { realTime } from "../../real-time.ts";
import { Acknowledged, type AcknowledgedBatch } from "./acknowledged.ts";
import { DATASET } from "./batches.ts";
import { BUCKETS, type Copy, copyIn } from "./copy.ts";
import { type Log, logOf } from "./log.ts";
import { Copier, type Mortal, mortalServer, Writer } from "./mortals.ts";

/** How large a run is. It ends when both bounds are reached. */
export interface KillPlan {
  readonly replicas: number;
  readonly kills: number;
  readonly seconds: number;
  /** Who is killed, and when. */
  readonly seed: number;
}

/** What a run leaves behind. */
export interface KillResult {
  /** What the writer was told. */
  readonly acknowledged: readonly AcknowledgedBatch[];
  /** The whole log, as a reader was told it. */
  readonly log: Log;
  /** The server's own word on its rows, before it was killed for the last time and after. */
  readonly heads: readonly (Checkpoint | undefined)[];
  /** What the server's look at all its rows has found. */
  readonly damaged: number;
  /** What is in the files of the replicas. */
  readonly copies: readonly Copy[];
  /** How often each was killed, by name. */
  readonly kills: ReadonlyMap<string, number>;
  /** How often a replica lost its file, too. */
  readonly filesLost: number;
}

const SECOND_VICTIM_ONE_IN = 3;
const DOWN_MS_MAX = 300;
const ALIVE_MS_MAX = 600;
// Longer than any machine takes on which it makes sense to wait for the end.
const PATIENCE_MS = 120_000;
const POLICY = { checkpointIntervalMs: 500n, checkpointChanges: 1_000 };

/**
 * Server, writer and replicas are killed and started again while batches are appended.
 * @param tell hears how far it is
 */
export async function killRun(
  plan: KillPlan,
  tell: (progress: string) => void,
): Promise<KillResult> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-killed-"));
  const server = await ServerProcess.start();
  const { address } = server;
  const numbers = new Numbers(plan.seed);
  const acknowledged = new Acknowledged(join(folder, "acknowledged"));
  const writer = new Writer(address, join(folder, "acknowledged"));
  const copiers = Array.from({ length: plan.replicas }, (_, at) => {
    const name = `copy-${at + 1}`;
    return new Copier(address, join(folder, `${name}.db`), name, numbers);
  });
  try {
    const run = new Run(server, writer, copiers, acknowledged, numbers, tell);
    return await run.perform(plan);
  } catch (error) {
    throw new Error(`the run was cut short; the server had said:\n${server.log}`, { cause: error });
  } finally {
    for (const one of [writer, ...copiers]) await one.end();
    await server.remove();
    rmSync(folder, { recursive: true });
  }
}

class Run {
  readonly #server: ServerProcess;
  readonly #writer: Writer;
  readonly #copiers: readonly Copier[];
  readonly #acknowledged: Acknowledged;
  readonly #numbers: Numbers;
  readonly #tell: (progress: string) => void;
  readonly #kills = new Map<string, number>();

  constructor(
    ...[server, writer, copiers, acknowledged, numbers, tell]: [
      ServerProcess,
      Writer,
      readonly Copier[],
      Acknowledged,
      Numbers,
      (progress: string) => void,
    ]
  ) {
    this.#server = server;
    this.#writer = writer;
    this.#copiers = copiers;
    this.#acknowledged = acknowledged;
    this.#numbers = numbers;
    this.#tell = tell;
  }

  async perform({ kills, seconds }: KillPlan): Promise<KillResult> {
    const { address } = this.#server;
    const client = connect({ address, connectTimeoutMs: PATIENCE_MS });
    try {
      await client.datasets.create({ dataset: DATASET, policy: POLICY, reason: "kill test" });
      for (const one of [this.#writer, ...this.#copiers]) await one.startAgain();
      const untilMs = performance.now() + seconds * 1_000;
      for (let killed = 0; killed < kills || performance.now() < untilMs; )
        killed += await this.#killSome();
      await this.#writer.finish();
      const head = (await client.datasets.describe(DATASET)).head;
      this.#tell(`the writer has finished at seq ${head?.seq}`);
      for (const copier of this.#copiers) {
        const what = `for a checkpoint at the head to show that ${copier.name} is right`;
        await eventually(what, async () => (await copier.status()).verifiedSeq === head?.seq);
        await copier.close();
      }
      await this.#kill(mortalServer(this.#server));
      await this.#server.startAgain();
      const { head: after, dataset } = await client.datasets.describe(DATASET);
      const damaged = await damagedRows(client.datasets);
      return {
        acknowledged: this.#acknowledged.read(),
        log: await logOf(client.replication, DATASET, dataset?.headSeq ?? 0n),
        heads: [head, after],
        damaged,
        copies: await Promise.all(this.#copiers.map(({ name, path }) => copyIn(name, path))),
        kills: this.#kills,
        filesLost: this.#copiers.reduce((sum, { filesLost }) => sum + filesLost, 0),
      };
    } finally {
      await client.close();
    }
  }

  /** Kills one or two, starts them again, and sees that appends go on. */
  async #killSome(): Promise<number> {
    const numbers = this.#numbers;
    const victims = [this.#victim()];
    const other = this.#victim();
    if (other.name !== victims[0]?.name && numbers.below(SECOND_VICTIM_ONE_IN) === 0)
      victims.push(other);
    for (const victim of victims) await this.#kill(victim);
    await realTime(numbers.below(DOWN_MS_MAX), "nobody is back at once");
    for (const victim of victims) await victim.startAgain();
    const { size } = this.#acknowledged;
    await eventually("for the writer to go on", () => {
      this.#writer.requireRunning();
      return this.#acknowledged.size > size;
    });
    await realTime(numbers.below(ALIVE_MS_MAX), "they work for a while");
    return victims.length;
  }

  async #kill(victim: Mortal): Promise<void> {
    await victim.kill();
    this.#kills.set(victim.name, (this.#kills.get(victim.name) ?? 0) + 1);
    this.#tell(`killed ${victim.name}`);
  }

  /** The server as often as the writer, and both as often as all replicas. */
  #victim(): Mortal {
    const at = this.#numbers.below(this.#copiers.length + 2);
    if (at === 0) return mortalServer(this.#server);
    return this.#copiers[at - 2] ?? this.#writer;
  }
}

/** How many rows the server itself finds not to be what was written. */
async function damagedRows(datasets: Client["datasets"]): Promise<number> {
  let damaged = 0;
  for (let firstBucket = 0; firstBucket < BUCKETS; ) {
    const reply = await datasets.scrub(
      { dataset: DATASET, firstBucket },
      { timeoutMs: PATIENCE_MS },
    );
    damaged += reply.damaged.length;
    firstBucket = reply.nextBucket;
  }
  return damaged;
}
