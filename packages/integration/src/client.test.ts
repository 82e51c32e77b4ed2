import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createConnectTransport } from "@connectrpc/connect-node";
import { type Client, createClient, type Lock, NotGrantedError } from "@lockstep/client";
import { connect } from "@lockstep/client/node";
import { connect as connectWeb } from "@lockstep/client/web";
import { DelayEndCause, FenceStatus, KeyState } from "@lockstep/protocol";
import { readConfig, type ServedData, serve } from "@lockstep/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let folder: string;
let server: ServedData;
const clients: Client[] = [];

async function start(port = 0): Promise<void> {
  const flags = { listen: `127.0.0.1:${port}`, dataFolder: folder, logLevel: "fatal" };
  server = await serve(readConfig(flags, {}));
}

async function restart(): Promise<void> {
  const { port } = server;
  await server.close();
  await start(port);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-client-"));
  await start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const ways: [string, () => Client][] = [
  ["Attach over HTTP/2", () => connect({ url: server.url })],
  ["unary calls over HTTP/2", () => unary("2")],
  [
    "HTTP/1.1, where Attach is refused",
    () =>
      createClient({
        transport: createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }),
      }),
  ],
  ["fetch", () => connectWeb({ url: server.url })],
];

function unary(httpVersion: "2"): Client {
  const transport = () => createConnectTransport({ baseUrl: server.url, httpVersion });
  const [polls, controlTransport] = [transport(), transport()];
  return createClient({ transport: polls, controlTransport, attach: false });
}

describe.each(ways)("over %s", (_, make) => {
  const client = () => {
    const made = make();
    clients.push(made);
    return made;
  };

  test("a lock is taken, waited for, handed on with a higher token, and checked", async () => {
    const [one, two] = [client(), client()];
    const first = await one.acquire("orders");
    expect((await one.checkFence("orders", first.token)).status).toBe(FenceStatus.CURRENT);
    expect(await two.tryAcquire("orders")).toBeNull();
    const refused = await two.acquire("orders", { waitMs: 0 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NotGrantedError);
    expect(refused).toMatchObject({ reason: "CONTENDED", blockers: [{ holdId: first.holdId }] });
    const waiting = two.acquire("orders");
    await queueOf(one, "orders", 1);
    await first.release();
    const second = await waiting;
    expect(second.token).toBeGreaterThan(first.token);
    expect((await one.checkFence("orders", first.token)).status).toBe(FenceStatus.STALE);
    expect(second.state).toBe("HELD");
    await second.release();
    expect((await one.getLock("orders")).lock?.state).toBe(KeyState.FREE);
  });

  test("an acquire that is given up leaves no waiter behind", async () => {
    const [one, two] = [client(), client()];
    await one.acquire("orders");
    const abort = new AbortController();
    const waiting = two.acquire("orders", { signal: abort.signal });
    await queueOf(one, "orders", 1);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await queueOf(one, "orders", 0);
  });

  test("a wait that is over is denied by the server", async () => {
    const [one, two] = [client(), client()];
    await one.acquire("orders");
    await expect(two.acquire("orders", { waitMs: 20 })).rejects.toMatchObject({
      reason: "WAIT_TIMED_OUT",
    });
  });

  test("a restarted server keeps what is held and who waits", async () => {
    const [one, two] = [client(), client()];
    const first = await one.acquire("orders");
    const waiting = two.acquire("orders");
    await queueOf(one, "orders", 1);
    await restart();
    expect((await one.checkFence("orders", first.token)).status).toBe(FenceStatus.CURRENT);
    expect(first.state).toBe("HELD");
    await first.release();
    const second = await waiting;
    expect(second.token).toBeGreaterThan(first.token);
  });

  test("only one at a time is inside", async () => {
    const all = [client(), client(), client(), client()];
    let inside = 0;
    let most = 0;
    const tokens: bigint[] = [];
    const visit = async ({ token }: Lock) => {
      inside += 1;
      most = Math.max(most, inside);
      tokens.push(token);
      await Promise.resolve();
      inside -= 1;
    };
    await Promise.all(
      all.flatMap((one) => Array.from({ length: 25 }, () => one.withLock("orders", visit))),
    );
    expect(most).toBe(1);
    expect(tokens).toHaveLength(100);
    expect(tokens).toEqual([...tokens].sort((a, b) => Number(a - b)));
  });

  test("a closed client leaves nothing behind", async () => {
    const [one, two] = [client(), client()];
    await one.acquire("orders");
    await one.close();
    const { lock } = await two.getLock("orders");
    expect(lock?.state).toBe(KeyState.FREE);
  });
});

test("a lock taken by an operator is lost at once, and free as soon as its client has said that it knows", async () => {
  const [one, two] = [connect({ url: server.url }), connect({ url: server.url })];
  clients.push(one, two);
  const lock = await one.acquire("orders");
  const waiting = two.acquire("orders");
  await queueOf(two, "orders", 1);
  await two.forceRelease({ key: "orders", expectedToken: lock.token, reason: "stuck" });
  expect(await lock.lost).toEqual({ reason: "FORCE_RELEASED", token: lock.token });
  expect(() => lock.assertHeld()).toThrow(/FORCE_RELEASED/);
  expect((await waiting).token).toBeGreaterThan(lock.token);
  const { events } = await two.listEvents({ keys: ["orders"] });
  const ended = events.find(({ body }) => body.case === "delayEnded");
  expect(ended?.body.value).toMatchObject({ cause: DelayEndCause.CONFIRMED });
});

test("a watch sees the history without gap or repetition over a restart", async () => {
  const client = connect({ url: server.url });
  clients.push(client);
  const before = await client.acquire("before");
  const seen: bigint[] = [];
  const watching = (async () => {
    for await (const { revision, body } of client.watch({ afterRevision: 0n })) {
      seen.push(revision);
      if (body.case === "lockGranted" && body.value.targets[0]?.key === "last") return;
    }
  })();
  await before.release();
  await restart();
  await client.acquire("last");
  await watching;
  const { events } = await client.listEvents({ pageSize: 1_000 });
  const last = seen.at(-1) ?? 0n;
  expect(seen).toEqual(
    events.map(({ revision }) => revision).filter((revision) => revision <= last),
  );
});

describe("a process with a client", () => {
  const run = (options: string, last: string) =>
    promisify(execFile)(process.execPath, [
      // The source itself, whose generated part has enums.
      "--conditions=lockstep-source",
      "--experimental-transform-types",
      "--input-type=module",
      "--eval",
      `import { connect } from ${JSON.stringify(import.meta.resolve("@lockstep/client/node"))};
       const client = connect({ url: ${JSON.stringify(server.url)}, ${options} });
       const lock = await client.acquire("child");
       console.log(lock.state);
       ${last}`,
    ]);

  test("ends when the client is closed", async () => {
    expect((await run("", "await client.close();")).stdout).toBe("HELD\n");
  });

  test("ends with the client open when it was told to", async () => {
    expect((await run("unref: true", "")).stdout).toBe("HELD\n");
  });
});

/** Asks until so many wait for a key; each question waits for its answer, so this does not spin. */
async function queueOf(client: Client, key: string, length: number): Promise<void> {
  for (;;) {
    const { lock } = await client.getLock(key);
    if (lock?.queueLength === length) return;
  }
}
