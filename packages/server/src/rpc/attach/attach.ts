import { create } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  type AttachResponse,
  AttachResponseSchema,
  GetSessionRequestSchema,
} from "@lockstep/protocol";
import type { Namespace } from "../../executor/namespace.ts";
import type { Clock } from "../../ports/clock.ts";
import type { RpcEnvironment } from "../environment.ts";
import { deadlineExceeded, invalidField, malformed, serverStopping } from "../errors.ts";
import type { Call } from "../guard/call.ts";
import { sessionAccess } from "../namespaces.ts";
import { onAbort } from "../on-abort.ts";
import { STOP_GRACE_MS } from "../replication/waiting-calls.ts";
import { settle, unlessAborted } from "../settle.ts";
import { AttachStream } from "./attach-stream.ts";
import type { AttachedSession } from "./attached-op.ts";
import type { Attachments } from "./attachments.ts";
import { Outbox } from "./outbox.ts";

/** How long a client may take to say which session a stream is for. */
const OPEN_WITHIN_MS = 10_000;

/** One Attach, from its first frame to its end. `done` is called once a frame has been dealt with. */
export async function* attach(
  requests: AsyncIterable<AttachRequest>,
  done: () => void,
  call: Call,
  environment: RpcEnvironment,
  attachments: Attachments,
): AsyncGenerator<AttachResponse> {
  let opened: OpenAttach | undefined;
  try {
    const frames = requests[Symbol.asyncIterator]();
    const first = await firstFrame(frames, call, environment);
    const { namespace, session } = await provenSession(first, call, environment);
    opened = new OpenAttach(namespace, session, call, environment, attachments);
    void opened.read(first, frames, done);
    yield create(AttachResponseSchema, { opened: namespace.header() });
    for (;;) {
      const frame = await opened.outbox.nextFrame();
      if (frame === undefined) return;
      yield frame;
    }
  } catch (error) {
    throw call.errorFrom(error);
  } finally {
    call.ending();
    opened?.close();
  }
}

/** An Attach whose session is known: it reads frames until it ends. */
class OpenAttach {
  readonly outbox: Outbox;
  readonly #stream: AttachStream;
  readonly #call: Call;
  readonly #clock: Clock;
  readonly #leave: () => void;
  readonly #ignoreStopping: () => void;
  readonly #onStopping = () => {
    this.#stream.finish(serverStopping());
    this.#clock.after(STOP_GRACE_MS, () => this.#stream.endReplicaWaits(serverStopping()));
  };
  readonly #onAbort = () => {
    this.outbox.abort(this.#call.signal.reason);
    this.#stream.stop(this.#call.signal.reason);
  };

  constructor(
    namespace: Namespace,
    session: AttachedSession,
    call: Call,
    environment: RpcEnvironment,
    attachments: Attachments,
  ) {
    const { clock, limits, stopping } = environment;
    this.outbox = new Outbox(limits.max_frame_bytes, () => call.ending());
    this.#stream = new AttachStream(namespace, session, environment, this.outbox);
    this.#leave = attachments.open(session.namespace, session.caller.sessionId, this.#stream);
    this.#call = call;
    this.#clock = clock;
    call.signal.addEventListener("abort", this.#onAbort);
    this.#ignoreStopping = onAbort(stopping, this.#onStopping);
    if (stopping.aborted) this.#onStopping();
  }

  /** Takes frame after frame; a client that does not read what it is sent is not read either. */
  async read(
    first: AttachRequest,
    frames: AsyncIterator<AttachRequest>,
    done: () => void,
  ): Promise<void> {
    try {
      this.#stream.accept(first.calls);
      for (;;) {
        done();
        await this.outbox.room();
        const next = await frames.next();
        if (!this.#stream.accepting) return;
        if (next.done) {
          this.#stream.finish(undefined);
          return;
        }
        if (next.value.open !== undefined) {
          throw invalidField("open", "must be absent after the first frame");
        }
        this.#stream.accept(next.value.calls);
      }
    } catch (error) {
      this.#stream.stop(this.#call.errorFrom(error));
    }
  }

  close(): void {
    this.#call.signal.removeEventListener("abort", this.#onAbort);
    this.#ignoreStopping();
    this.#leave();
    this.#stream.close();
  }
}

async function firstFrame(
  frames: AsyncIterator<AttachRequest>,
  call: Call,
  { clock, stopping }: RpcEnvironment,
): Promise<AttachRequest> {
  const late = new AbortController();
  const timer = clock.after(OPEN_WITHIN_MS, () => late.abort(deadlineExceeded()));
  try {
    const signal = AbortSignal.any([call.signal, stopping, late.signal]);
    const first = await unlessAborted(frames.next(), signal);
    if (first.done) throw malformed("the stream ended before a frame that opens it");
    return first.value;
  } catch (error) {
    if (stopping.aborted && error === stopping.reason) throw serverStopping();
    throw error;
  } finally {
    timer.cancel();
  }
}

/** Checks the secret, once for all calls of the stream. */
async function provenSession(
  first: AttachRequest,
  call: Call,
  environment: RpcEnvironment,
): Promise<{ namespace: Namespace; session: AttachedSession }> {
  const { namespace, caller } = sessionAccess(environment, call.principal, first.open, "open");
  const request = create(GetSessionRequestSchema);
  await settle(namespace.submit({ kind: "getSession", caller, request }), call.signal);
  const proven = { ...caller, secretSha256: undefined };
  return { namespace, session: { namespace: first.open?.namespace ?? "", caller: proven } };
}
