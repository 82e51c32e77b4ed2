import type { ModelPolicy, ModelSettings, Target, Terms } from "./facts.ts";

/** What every call of a session says. */
interface OfSession {
  readonly sessionId: bigint;
  readonly answered: readonly bigint[];
}

/** What every call of a session that changes something says. */
interface Request extends OfSession {
  readonly requestId: bigint;
  /** Everything in it that tells it from another request. */
  readonly content: string;
}

/** What every call about a hold says. */
interface OfHold extends Request {
  readonly holdId: bigint;
  readonly token: bigint;
}

/** What every call that may wait says. */
interface Waiting extends Request {
  readonly waitMs: number;
  readonly priority: number;
  /** Whether `queued` is wanted at once. */
  readonly answerQueued: boolean;
}

/** A call, in the words of the model. */
export type Call =
  | {
      readonly kind: "open";
      readonly secret: number;
      readonly ttlMs: number;
      readonly principal: string;
    }
  | ({ readonly kind: "keepAlive"; readonly seen: bigint } & OfSession)
  | ({
      readonly kind: "acquire";
      readonly targets: readonly Target[];
      readonly owner: string;
      readonly count: boolean;
      readonly terms: Terms;
    } & Waiting)
  | ({ readonly kind: "release" } & OfHold)
  | ({
      readonly kind: "convert";
      readonly key: string;
      readonly mode: Target["mode"];
    } & OfHold &
      Waiting)
  | ({
      readonly kind: "transfer";
      readonly toSessionId: bigint;
      readonly toRequestId: bigint;
    } & OfHold)
  | ({ readonly kind: "setValue"; readonly value: string } & OfHold)
  | ({ readonly kind: "cancel"; readonly acquireRequestId: bigint } & Request)
  | ({ readonly kind: "close" } & Request)
  | AdminCall;

/** A call outside a session. */
export type AdminCall =
  | { readonly kind: "requestRelease"; readonly key: string; readonly token: bigint }
  | {
      readonly kind: "forceRelease";
      readonly key: string;
      readonly token: bigint;
      readonly immediate: boolean;
    }
  | { readonly kind: "revoke"; readonly sessionId: bigint }
  | {
      readonly kind: "clear";
      readonly subject: "key" | "principal";
      readonly name: string;
      readonly revision: bigint;
    }
  | { readonly kind: "quarantine"; readonly principal: string }
  | {
      readonly kind: "setPolicy";
      readonly prefix: string;
      readonly policy: ModelPolicy | undefined;
      readonly version: bigint;
    }
  | { readonly kind: "configure"; readonly settings: ModelSettings; readonly version: bigint }
  | { readonly kind: "checkFence"; readonly key: string; readonly token: bigint };

/** A call of this kind. */
export type CallOf<K extends Call["kind"]> = Extract<Call, { kind: K }>;

/** A call whose repeat must have the same outcome. */
export type Repeatable = Extract<Call, { requestId: bigint }>;
