import { DeniedReason, LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, setPolicy } from "../testing-support/client.ts";
import { convert, reasonOf } from "../testing-support/holding.ts";
import { quarantineIdentity } from "../testing-support/operator.ts";
import { people, upgradable } from "../testing-support/people.ts";

const { EXCLUSIVE, SHARED } = LockMode;
const WAIT = { waitMs: 60_000 };

describe("Who gets no lock gets none by a Convert either", () => {
  it("of a principal that is quarantined", () => {
    const { world, ann } = people();
    const held = upgradable(ann);
    quarantineIdentity(world, "peer");
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE))).toBe(DeniedReason.IDENTITY_QUARANTINED);
    expect(convert(ann, held, "a", SHARED).case).toBe("granted");
  });

  it("of a key that is quarantined", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    const beside = ben.lock("a", { mode: SHARED, onLoss: 3 });
    const waiting = convert(ann, held, "a", EXCLUSIVE, { ...WAIT, requestId: 9n });
    expect(waiting.case).toBe("waiting");
    forceRelease(world, "a", beside.token, { immediate: true });
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE, { ...WAIT, requestId: 9n }))).toBe(
      DeniedReason.KEY_QUARANTINED,
    );
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE))).toBe(DeniedReason.KEY_QUARANTINED);
  });

  it("of a key whose policy takes only permits by now", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    const beside = ben.lock("a", { mode: SHARED });
    convert(ann, held, "a", EXCLUSIVE, { ...WAIT, requestId: 9n });
    setPolicy(world, { keyPrefix: "a", permits: 2 });
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE, { ...WAIT, requestId: 9n }))).toBe(
      DeniedReason.LIMIT_MISMATCH,
    );
    ben.release(beside);
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE))).toBe(DeniedReason.LIMIT_MISMATCH);
  });
});
