// Clients that behave badly, in all ways at hand, beside clients that only want to keep their locks.
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ChildProgram } from "../processes/child-program.ts";
import { peakMemoryMiB } from "../processes/memory.ts";
import { clientForTest, serverForTest } from "../world.ts";
import { floods } from "./kinds.ts";

const FLOOD_MS = 4_500;
const BYSTANDERS = 5;
const TTL_MS = 4_000;
/** What the server may take at its worst, far above its own limits of what is under way. */
const MEMORY_MAX_MIB = 700;

interface Result {
  readonly attempts: number;
  readonly answers: Readonly<Record<string, number>>;
}

async function flooded(kind: string, url: string): Promise<Result> {
  const program = fileURLToPath(new URL("./attacker.ts", import.meta.url));
  const attacker = new ChildProgram("attacker", [program, kind, url, String(FLOOD_MS)]);
  try {
    return JSON.parse(await attacker.nextLine()) as Result;
  } finally {
    await attacker.kill();
  }
}

const acceptable =
  /^(4\d\d|501|GOAWAY|no answer|closed|left open|opened|refused|200 grpc-status [1-9])/;

test.each(Object.keys(floods))(
  "a flood of %s costs nobody else a lock, and no memory without bound",
  async (kind) => {
    const server = await serverForTest();
    const clients = Array.from({ length: BYSTANDERS }, () =>
      clientForTest(server, { ttlMs: TTL_MS }),
    );
    const locks = await Promise.all(clients.map((client, at) => client.acquire(`bystander/${at}`)));

    const { attempts, answers } = await flooded(kind, server.url);

    expect(attempts).toBeGreaterThan(0);
    expect(Object.keys(answers).filter((how) => !acceptable.test(how))).toEqual([]);
    for (const lock of locks) {
      lock.assertHeld();
      expect(lock.signal.aborted).toBe(false);
    }
    expect(peakMemoryMiB(server.pid)).toBeLessThan(MEMORY_MAX_MIB);
    const late = await clients[0]?.acquire("afterwards");
    expect(() => late?.assertHeld()).not.toThrow();
    console.info(
      `${kind}: ${attempts} attempts, ${JSON.stringify(answers)}, ${Math.round(peakMemoryMiB(server.pid))} MiB`,
    );
  },
);
