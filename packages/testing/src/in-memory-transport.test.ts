import { createClient } from "@lockstep/client";
import type { Handlers } from "@lockstep/server";
import { expect, test } from "vitest";
import { Connection } from "./connection.ts";
import { inMemoryTransport } from "./in-memory-transport.ts";
import { openServer } from "./in-process-server.ts";
import { TestTime } from "./ports/test-time.ts";

test("a session lives on one Attach, whose stream stays open in both directions", async () => {
  const time = new TestTime(0);
  const server = await openServer({}, time.serverClock);
  const called: string[] = [];
  const transport = inMemoryTransport(
    recorded(server.handlers, called),
    new Connection(() => time.notice()),
  );
  const client = createClient({ transport, clock: time.clientClock });
  const lock = await client.acquire("orders");
  await time.advance(60_000);
  await lock.release();
  expect(called).toEqual(["OpenSession", "Attach"]);
  await client.close();
  await server.close();
});

function recorded(handlers: Handlers, called: string[]): Handlers {
  const all = handlers.all.map((handler) =>
    Object.assign((request: Parameters<typeof handler>[0]) => {
      called.push(handler.method.name);
      return handler(request);
    }, handler),
  );
  return { ...handlers, all };
}
