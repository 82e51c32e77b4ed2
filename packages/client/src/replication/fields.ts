import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions } from "../calls/caller.ts";

/** The fields of a request, without the namespace: that is the client's. */
export type Fields<S extends DescMessage> = Without<MessageInitShape<S>, "namespace">;

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** How a call about a dataset may be ended. */
export interface DatasetCallOptions extends CallOptions {
  /** How long to look for an answer, milliseconds, above 0. Default: the client's `connectTimeoutMs`, and what the call waits for beside. */
  readonly timeoutMs?: number;
}
