import { createClient } from "@connectrpc/connect";
import { LockService } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { VirtualClock } from "../ports/virtual-clock.ts";
import { startTestServer, transportTo } from "../testing-support/test-server.ts";
import { createLog, logText } from "./log.ts";

test("the log is one JSON object per line, on the server's clock", () => {
  const lines: string[] = [];
  const log = createLog("info", new VirtualClock(1_700_000_000_000), {
    write: (line) => void lines.push(line),
  });
  log.debug("not said");
  log.info({ text: 'a "quoted"\nline\u001b[31m' }, "said");
  expect(lines).toHaveLength(1);
  expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
  expect(lines[0]).not.toContain("\u001b");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ time: 1_700_000_000_000, msg: "said" });
});

test("a text from outside is cut", () => {
  expect(logText("x".repeat(256))).toHaveLength(256);
  expect(logText("x".repeat(10_000))).toHaveLength(257);
});

test("a call is logged with its method, outcome and what its caller finds it by", async () => {
  const { server, log, close } = await startTestServer();
  const locks = createClient(LockService, transportTo(server.url));
  const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const headers = { "x-correlation-id": "order-7", traceparent: trace };
  await locks.getLock({ namespace: "default", key: "k" }, { headers });
  await locks
    .getLock({ namespace: "default" }, { headers: { "x-correlation-id": "a".repeat(999) } })
    .catch(() => undefined);
  await close();
  const calls = log.map((line) => JSON.parse(line)).filter(({ rpc }) => rpc !== undefined);
  expect(calls).toMatchObject([
    {
      rpc: "lockstep.v1.LockService/GetLock",
      principal: "127.0.0.1",
      correlation_id: "order-7",
      traceparent: trace,
    },
    { code: "InvalidArgument", reason: "INVALID_FIELD" },
  ]);
  expect(calls[1].correlation_id).toBeUndefined();
});
