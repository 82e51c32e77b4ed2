import { expect, test } from "vitest";
import { systemRandom } from "../ports/random.ts";
import { outcomeOf, TTL_MS, world } from "../testing-support/world.ts";

test("each session has a secret of 32 bytes of its own, from the source of chance [SES-1]", async () => {
  const given: Uint8Array[] = [];
  const random = {
    fraction: () => 0.5,
    bytes(length: number) {
      const bytes = systemRandom.bytes(length);
      given.push(bytes);
      return bytes;
    },
  };
  const { clock, server, client } = world({ random });
  const first = outcomeOf(client.acquire("a"));
  await clock.settle();
  expect(first.value?.state).toBe("HELD");
  clock.sleep(TTL_MS);
  const second = outcomeOf(client.acquire("b"));
  await clock.settle();
  expect(second.value?.state).toBe("HELD");
  const secrets = server.requests("openSession").map(({ secret }) => Buffer.from(secret));
  expect(secrets).toHaveLength(2);
  for (const secret of secrets) {
    expect(secret).toHaveLength(32);
    expect(given.some((bytes) => secret.equals(bytes))).toBe(true);
  }
  expect(secrets[0]?.equals(secrets[1] as Buffer)).toBe(false);
});
