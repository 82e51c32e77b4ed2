import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { AdvanceResponseSchema, type ClockService, NowResponseSchema } from "@lockstep/protocol";
import type { VirtualClock } from "../ports/virtual-clock.ts";
import { checkDuration } from "./validate/fields.ts";

const ADVANCE_MS_MAX = 366 * 24 * 3_600_000;

/** Moves the clock of a server in test mode. */
export function clockService(clock: VirtualClock): ServiceImpl<typeof ClockService> {
  return {
    now: () => create(NowResponseSchema, reading(clock)),
    async advance({ durationMs }) {
      checkDuration("duration_ms", durationMs, 0, ADVANCE_MS_MAX);
      await clock.advance(Number(durationMs));
      return create(AdvanceResponseSchema, reading(clock));
    },
  };
}

function reading(clock: VirtualClock) {
  const nextTimerMs = clock.nextTimerMs();
  return {
    monotonicMs: BigInt(Math.floor(clock.monotonicMs())),
    unixMs: BigInt(clock.unixMs()),
    ...(nextTimerMs !== undefined && { nextTimerMs: BigInt(Math.ceil(nextTimerMs)) }),
  };
}
