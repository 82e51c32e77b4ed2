import type { Event } from "@lockstep/protocol";
import type { Call } from "./calls.ts";

/** What an event meets: the call that makes it, or a tick or a start that may. */
export interface Occasion {
  readonly call: Call | undefined;
  readonly tick: boolean;
  readonly nowMs: number;
  readonly durableRevision: bigint;
}

/** The value of an event of this kind. */
export type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

/** The content of the call, for the outcome that is kept. */
export function contentOf({ call }: Occasion): string {
  return call !== undefined && "content" in call ? call.content : "";
}
