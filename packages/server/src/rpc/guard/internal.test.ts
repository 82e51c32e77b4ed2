import { Code, createClient } from "@connectrpc/connect";
import { ErrorReason, errorDetailOf, LockService } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { protocols, testServers, transportTo } from "../../testing-support/test-server.ts";

const start = testServers();

test.each(protocols)(
  "a broken invariant is INTERNAL over %s; only the log says more [GEN-81]",
  async (protocol) => {
    const { server, namespace, log } = await start();
    namespace.barrier = () => Promise.reject(new Error("the secret of the house"));
    const locks = createClient(LockService, transportTo(server.url, protocol));
    const unary = await locks.listEvents({ namespace: "default" }).catch((thrown) => thrown);
    const stream = await firstOf(locks.watch({ namespace: "default" })).catch((thrown) => thrown);
    for (const error of [unary, stream]) {
      expect(error.code).toBe(Code.Internal);
      expect(errorDetailOf(error)?.reason).toBe(ErrorReason.INTERNAL);
      expect(error.details).toHaveLength(1);
      expect(error.message).not.toContain("house");
    }
    const failed = log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "call failed");
    expect(failed).toHaveLength(2);
    for (const line of failed) expect(line.err.message).toContain("the secret of the house");
  },
);

async function firstOf<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of stream) return message;
  return undefined;
}
