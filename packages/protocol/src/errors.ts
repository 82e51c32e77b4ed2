import { create } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import {
  type ErrorDetail,
  ErrorDetailSchema,
  type ErrorReason,
} from "./gen/lockstep/v1/errors_pb.ts";

/**
 * Builds the RPC error of a refusal: code, text for people, and exactly one ErrorDetail with the
 * stable reason and its facts.
 */
export function refusal(
  code: Code,
  reason: ErrorReason,
  message: string,
  metadata: Record<string, string> = {},
): ConnectError {
  const detail = create(ErrorDetailSchema, { reason, metadata });
  return new ConnectError(message, code, undefined, [{ desc: ErrorDetailSchema, value: detail }]);
}

/**
 * The ErrorDetail of an RPC error, or undefined when it has none. An error without it is a transport
 * fault whatever its code: whether the call was executed is unknown.
 */
export function errorDetailOf(error: unknown): ErrorDetail | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  return error.findDetails(ErrorDetailSchema)[0];
}
