import { describe, expect, it } from "vitest";
import { explore } from "./explore.ts";

/** How long each exploration may go on; `LOCKSTEP_EXPLORE_SECONDS` lets it go further. */
const SECONDS = Number(process.env.LOCKSTEP_EXPLORE_SECONDS ?? 8);

/** Less than this would say little, on however slow a machine. */
const STATES_MIN = 500;

describe("Every state that can be reached", () => {
  it.each([2, 3])(
    "by %i clients breaks no rule, as far as was looked [LOCK-5, LOCK-45, LOCK-46, LOCK-55, LOCK-123]",
    (clients) => {
      const untilMs = performance.now() + SECONDS * 1_000;
      const { depth, states, moves, complete } = explore(
        clients,
        () => performance.now() > untilMs,
      );
      const rest = complete ? "there are no others" : "further ones were not all looked at";
      console.info(
        `${clients} clients: ${states} distinct states, ${moves} moves, all states up to ${depth} moves away; ${rest}`,
      );
      expect(states).toBeGreaterThan(STATES_MIN);
    },
    60_000 + SECONDS * 4_000,
  );
});
