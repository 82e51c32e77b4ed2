import type { DescMethod } from "@bufbuild/protobuf";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { limitExceeded, type Refusal } from "@lockstep/core";
import { ClockService, type Limits, LockService, ReplicationService } from "@lockstep/protocol";
import { malformed } from "../errors.ts";

const CONNECT = "connect-timeout-ms";
const GRPC = "grpc-timeout";
type WaitLimit = "max_poll_timeout_ms" | "max_replication_wait_ms";
/** Calls that may wait, and the limit of their wait. */
const WAITS: ReadonlyMap<DescMethod, WaitLimit> = new Map<DescMethod, WaitLimit>([
  [LockService.method.acquire, "max_poll_timeout_ms"],
  [LockService.method.convert, "max_poll_timeout_ms"],
  [ReplicationService.method.append, "max_replication_wait_ms"],
  [ReplicationService.method.waitForReplication, "max_replication_wait_ms"],
]);

/**
 * Takes the caller's timeout out of the headers, so that only the server's own clock counts it, and
 * returns the time the call has in milliseconds; undefined means no limit. A unary call that names none
 * has `default_deadline_ms`, one that may wait the longest wait on top. A stream has what it names.
 * @throws ConnectError MALFORMED when it cannot be read.
 * @throws Refusal LIMIT_EXCEEDED when a unary call asks for more than `max_deadline_ms`.
 */
export function takeTimeout(
  header: Headers,
  method: DescMethod,
  limits: Limits,
): number | undefined {
  const asked = takeAskedTimeout(header);
  // Moving the clock must not use up the time of the call that moves it.
  if (method.parent.typeName === ClockService.typeName) return undefined;
  if (method.methodKind !== "unary") return asked;
  if (asked === undefined) return defaultTimeoutMs(method, limits);
  if (asked > limits.max_deadline_ms) throw tooLong(limits.max_deadline_ms);
  return asked;
}

function takeAskedTimeout(header: Headers): number | undefined {
  const isGrpc = header.get("content-type")?.startsWith("application/grpc") ?? false;
  const parsed = isGrpc
    ? parseGrpcTimeout(header.get(GRPC), Number.MAX_SAFE_INTEGER)
    : parseConnectTimeout(header.get(CONNECT), Number.MAX_SAFE_INTEGER);
  header.delete(GRPC);
  header.delete(CONNECT);
  if (parsed.error !== undefined) throw malformed(parsed.error.rawMessage);
  return parsed.timeoutMs;
}

function defaultTimeoutMs(method: DescMethod, limits: Limits): number {
  const wait = WAITS.get(method);
  return limits.default_deadline_ms + (wait === undefined ? 0 : limits[wait]);
}

function tooLong(maxMs: number): Refusal {
  return limitExceeded("max_deadline_ms", maxMs, "the call asks for too much time");
}
