import type { AttachReply, Granted } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { Attached, callOf } from "../../testing-support/attached.ts";
import {
  acquireOf,
  openSession,
  testServers,
  transportTo,
} from "../../testing-support/test-server.ts";

const start = testServers();

test("calls of one Attach are decided in the order in which they were sent, over many frames [GEN-23]", async () => {
  const { server } = await start();
  const session = await openSession(transportTo(server.url));
  const stream = new Attached(transportTo(server.url));
  await stream.open(session);
  const acquire = (id: bigint) =>
    callOf(id, { case: "acquire", value: acquireOf(`key-${id % 7n}/${id}`, id) });
  for (let id = 1n; id <= 90n; id += 3n) {
    stream.call(acquire(id), acquire(id + 1n));
    stream.call(acquire(id + 2n));
  }
  const tokens = new Map((await stream.replies(90)).map((reply) => [reply.callId, tokenOf(reply)]));
  const bySending = Array.from({ length: 90 }, (_, index) => tokens.get(BigInt(index + 1)));
  expect(bySending).toEqual([...bySending].sort((a, b) => Number((a ?? 0n) - (b ?? 0n))));

  // Releases and the acquires after them meet on one key.
  const calls = [...tokens].slice(0, 20).flatMap(([id, token], index) => {
    const holdId = token;
    const release = { requestId: 100n + BigInt(2 * index), holdId, token };
    const again = acquireOf(`key-${id % 7n}/${id}`, 101n + BigInt(2 * index));
    return [
      callOf(200n + BigInt(2 * index), { case: "release", value: release }),
      callOf(201n + BigInt(2 * index), { case: "acquire", value: again }),
    ];
  });
  stream.call(...calls);
  const replies = await stream.replies(40);
  const acquired = replies.filter(({ reply }) => reply.case === "acquire");
  expect(acquired.map(tokenOf).every((token) => token > 0n)).toBe(true);
  await stream.leave();
});

/** The token that was granted, 0 when none was. */
function tokenOf({ reply }: AttachReply): bigint {
  if (reply.case !== "acquire" || reply.value.outcome.case !== "granted") return 0n;
  const granted: Granted = reply.value.outcome.value;
  return granted.token;
}
