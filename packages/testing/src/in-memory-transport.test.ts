import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { createClient } from "@lockstep/client";
import { expect, test } from "vitest";
import { Connection } from "./connection.ts";
import { inMemoryTransport } from "./in-memory-transport.ts";
import { openServer } from "./in-process-server.ts";
import { TestTime } from "./ports/test-time.ts";

test("a session lives on one Attach, whose stream stays open in both directions", async () => {
  const time = new TestTime(0);
  const server = await openServer({}, time.server.serverClock());
  const called: string[] = [];
  const recorded: UniversalClientFn = (request) => {
    called.push(new URL(request.url).pathname.split("/").at(-1) ?? "");
    return server.answer(request);
  };
  const process = time.client();
  const connection = new Connection([process, time.server], () => time.notice());
  const transport = inMemoryTransport(() => recorded, connection);
  const client = createClient({ transport, clock: process.clientClock() });
  const lock = await client.acquire("orders");
  await time.advance(60_000);
  await lock.release();
  expect(called).toEqual(["OpenSession", "Attach"]);
  await client.close();
  await server.close();
});
