import type { SessionCaller } from "@lockstep/core";
import type { AcquireRequest, AcquireResponse } from "@lockstep/protocol";
import type { Namespace } from "../executor/namespace.ts";
import type { RpcEnvironment } from "./environment.ts";
import { serverStopping } from "./errors.ts";
import type { Call } from "./guard/call.ts";
import { sessionAccess } from "./namespaces.ts";
import { settle } from "./settle.ts";
import { checkAcquire } from "./validate/lock.ts";

/**
 * The unary Acquire. It answers with the final outcome when that comes within `poll_timeout_ms`,
 * otherwise with `queued`. Whatever becomes of the call, its ticket waits on.
 */
export async function acquire(
  request: AcquireRequest,
  call: Call,
  environment: RpcEnvironment,
): Promise<AcquireResponse> {
  const { namespace, caller } = sessionAccess(environment, call.principal, request.session);
  checkAcquire(request, environment.limits);
  if (request.pollTimeoutMs > 0n) {
    const outcome = await poll(namespace, caller, request, call, environment);
    if (outcome !== undefined) return outcome;
  }
  return settle(
    namespace.submit({ kind: "acquire", caller, request, answerQueued: true }),
    call.signal,
  );
}

/** The final outcome, or undefined when the poll's time passes first. */
async function poll(
  namespace: Namespace,
  caller: SessionCaller,
  request: AcquireRequest,
  { signal }: Call,
  { clock, stopping }: RpcEnvironment,
): Promise<AcquireResponse | undefined> {
  const pending = namespace.submit({ kind: "acquire", caller, request, answerQueued: false });
  const over = new AbortController();
  const timer = clock.after(Number(request.pollTimeoutMs), () => over.abort());
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
