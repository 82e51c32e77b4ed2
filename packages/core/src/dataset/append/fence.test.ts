import { ErrorReason, LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, forceRelease, type Held, open } from "../../testing-support/client.ts";
import {
  append,
  createDataset,
  type PolicyInit,
  put,
} from "../../testing-support/dataset/dataset-client.ts";
import { refusal } from "../../testing-support/dataset/refusal.ts";
import { convert } from "../../testing-support/holding.ts";
import { World } from "../../testing-support/world.ts";

const CHANGES = [put("a", "1")];

function world(policy: PolicyInit = { fenceKey: "lock" }): { made: World; client: Client } {
  const made = new World();
  createDataset(made, policy);
  return { made, client: open(made) };
}

function appendWith(made: World, held: Pick<Held, "token">, key = "lock"): void {
  append(made, CHANGES, { fence: { key, token: held.token } });
}

const FENCED = refusal(ErrorReason.FENCED, { key: "lock" });

describe("A fence", () => {
  it("is accepted with the token of the hold that has the lock [DATA-50]", () => {
    const { made, client } = world();
    appendWith(made, client.lock("lock"));
  });

  it("is refused with every other token [DATA-50]", () => {
    const { made, client } = world();
    const held = client.lock("lock");
    const other = client.lock("other");
    for (const token of [1n, held.token - 1n, held.token + 1n, other.token])
      expect(() => appendWith(made, { token })).toThrow(FENCED);
    expect(() => appendWith(made, other, "other")).toThrow(FENCED);
    client.release(held);
    expect(() => appendWith(made, held)).toThrow(FENCED);
    appendWith(made, open(made).lock("lock"));
    expect(() => appendWith(made, held)).toThrow(FENCED);
  });

  it.each([LockMode.SHARED, LockMode.UPGRADABLE])(
    "is refused for a hold that others may have beside it, mode %d [DATA-50]",
    (mode) => {
      const { made, client } = world();
      expect(() => appendWith(made, client.lock("lock", { mode }))).toThrow(FENCED);
    },
  );

  it("follows a hold that gets another token [DATA-50]", () => {
    const { made, client } = world();
    const held = client.lock("lock", { mode: LockMode.UPGRADABLE });
    const converted = convert(client, held, "lock", LockMode.EXCLUSIVE);
    if (converted.case !== "granted") throw new Error("not converted");
    appendWith(made, converted.value);
    expect(() => appendWith(made, held)).toThrow(FENCED);
  });

  it("is refused for a hold that is lost and still blocks its key [DATA-51]", () => {
    const { made, client } = world();
    const held = client.lock("lock");
    forceRelease(made, "lock", held.token);
    expect(made.state.delays.size).toBe(1);
    expect(() => appendWith(made, held)).toThrow(FENCED);
  });

  it("is refused once the session has expired [DATA-51]", () => {
    const { made, client } = world();
    const held = client.lock("lock");
    made.advance(60_000);
    expect(() => appendWith(made, held)).toThrow(FENCED);
  });

  it("must be there when the policy requires one [DATA-52]", () => {
    const { made, client } = world({ fenceKey: "lock", fenceRequired: true });
    const missing = refusal(ErrorReason.FENCE_REQUIRED, { key: "lock" });
    expect(() => append(made, CHANGES)).toThrow(missing);
    appendWith(made, client.lock("lock"));
  });

  it("may be missing when the policy does not require one [DATA-52]", () => {
    append(world().made, CHANGES);
  });

  it("is refused when the policy names no lock [DATA-53]", () => {
    const { made, client } = world({});
    const held = client.lock("lock");
    expect(() => appendWith(made, held)).toThrow(
      refusal(ErrorReason.INVALID_FIELD, { field: "fence" }),
    );
  });
});
