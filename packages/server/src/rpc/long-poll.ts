import type {
  AcquireRequest,
  AcquireResponse,
  ConvertRequest,
  ConvertResponse,
} from "@lockstep/protocol";
import type { Pending } from "../executor/namespace.ts";
import type { RpcEnvironment } from "./environment.ts";
import { serverStopping } from "./errors.ts";
import type { Call } from "./guard/call.ts";
import { sessionAccess } from "./namespaces.ts";
import { settle } from "./settle.ts";
import { checkConvert } from "./validate/hold.ts";
import { checkAcquire } from "./validate/lock.ts";

/** The unary Acquire. */
export async function acquire(
  request: AcquireRequest,
  call: Call,
  environment: RpcEnvironment,
): Promise<AcquireResponse> {
  const { namespace, caller } = sessionAccess(environment, call.principal, request.session);
  checkAcquire(request, environment.limits);
  return longPoll(request, call, environment, (answerQueued) =>
    namespace.submit({ kind: "acquire", caller, request, answerQueued }),
  );
}

/** The unary Convert. */
export async function convert(
  request: ConvertRequest,
  call: Call,
  environment: RpcEnvironment,
): Promise<ConvertResponse> {
  const { namespace, caller } = sessionAccess(environment, call.principal, request.session);
  checkConvert(request, environment.limits);
  return longPoll(request, call, environment, (answerQueued) =>
    namespace.submit({ kind: "convert", caller, request, answerQueued }),
  );
}

/**
 * Answers with the final outcome when that comes within `poll_timeout_ms`, otherwise with `queued`.
 * Whatever becomes of the call, its ticket waits on.
 */
async function longPoll<R>(
  { pollTimeoutMs }: { pollTimeoutMs: bigint },
  call: Call,
  environment: RpcEnvironment,
  submit: (answerQueued: boolean) => Pending<R>,
): Promise<R> {
  if (pollTimeoutMs > 0n) {
    const outcome = await poll(submit(false), Number(pollTimeoutMs), call, environment);
    if (outcome !== undefined) return outcome;
  }
  return settle(submit(true), call.signal);
}

/** The final outcome, or undefined when the poll's time passes first. */
async function poll<R>(
  pending: Pending<R>,
  timeoutMs: number,
  { signal }: Call,
  { clock, stopping }: RpcEnvironment,
): Promise<R | undefined> {
  const over = new AbortController();
  const timer = clock.after(timeoutMs, () => over.abort());
  const listened = AbortSignal.any([signal, stopping, over.signal]);
  try {
    return await settle(pending, listened);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (stopping.aborted) throw serverStopping();
    if (over.signal.aborted) return undefined;
    throw error;
  } finally {
    timer.cancel();
  }
}
