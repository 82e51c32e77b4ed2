import { LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, type Held, open, refused } from "../testing-support/client.ts";
import { convert, type HoldCallOptions, setValue, transfer } from "../testing-support/holding.ts";
import { World, type WorldOptions } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;

type Call = (client: Client, held: Held, options?: HoldCallOptions) => unknown;

const CALLS: [string, Call][] = [
  ["Convert", (client, held, options) => convert(client, held, "a", SHARED, options)],
  ["Transfer", (client, held, options) => transfer(client, held, 99n, 1n, options)],
  ["SetValue", (client, held, options) => setValue(client, held, Uint8Array.of(1), options)],
];

function holding(limits: WorldOptions["limits"]): { client: Client; held: Held } {
  const client = open(new World({ limits: limits ?? {} }));
  return { client, held: client.lock("a") };
}

describe.each(CALLS)("A %s", (_, call) => {
  it("is refused when too many outcomes are not confirmed [GEN-68]", () => {
    const { client, held } = holding({ max_unanswered: 1 });
    expect(refused(() => call(client, held)).metadata).toEqual({
      limit: "max_unanswered",
      max: "1",
    });
    client.keepAlive(0n, [1n]);
    call(client, held);
  });

  it("is refused when what it confirms leaves too many gaps [GEN-72]", () => {
    const { client, held } = holding({ max_answered_ranges: 1 });
    client.keepAlive(0n, [1n]);
    const answered = [{ first: 50n, last: 50n }];
    expect(refused(() => call(client, held, { answered })).metadata).toEqual({
      limit: "max_answered_ranges",
      max: "1",
    });
  });
});

it("A Convert is refused when its hold would remember more than there is room for", () => {
  const { client } = holding({ max_held_bytes_per_session: 130 });
  const held = client.lock("b", { mode: UPGRADABLE, value: new Uint8Array(100) });
  const { metadata } = refused(() => convert(client, held, "b", EXCLUSIVE));
  expect(metadata).toMatchObject({ limit: "max_held_bytes_per_session" });
  expect(convert(client, held, "b", SHARED).case).toBe("granted");
  const full = holding({ max_held_bytes_per_session: 20 });
  const refusal = refused(() => convert(full.client, full.held, "a", SHARED));
  expect(refusal.metadata).toMatchObject({ limit: "max_held_bytes_per_session" });
});
