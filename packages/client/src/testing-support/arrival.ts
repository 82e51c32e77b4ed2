import type { CallKind } from "../calls/call.ts";

/** One request as it arrived. */
export interface Arrival {
  readonly kind: CallKind | "openSession" | "attach" | "watch" | "getLock";
  readonly via: "attach" | "unary";
  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every kind
  readonly request: any;
}

/** What to do with a request: lose it, lose its reply, or keep its reply back until the promise settles. */
export type Meddling = "loseRequest" | "loseReply" | Promise<unknown> | Error | undefined;
