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

/** A call, in the words of the model. */
export type Call =
  | { readonly kind: "open"; readonly secret: number; readonly ttlMs: number }
  | ({ readonly kind: "keepAlive"; readonly seen: bigint } & OfSession)
  | ({
      readonly kind: "acquire";
      readonly key: string;
      readonly owner: string;
      readonly waitMs: number;
    } & Request)
  | ({ readonly kind: "release"; readonly holdId: bigint; readonly token: bigint } & Request)
  | ({ readonly kind: "cancel"; readonly acquireRequestId: bigint } & Request)
  | ({ readonly kind: "close" } & Request)
  | { readonly kind: "forceRelease"; readonly key: string; readonly token: bigint }
  | { readonly kind: "checkFence"; readonly key: string; readonly token: bigint };

/** A call whose repeat must have the same outcome. */
export type Repeatable = Extract<Call, { requestId: bigint }>;
