import type { SubscribeRequest, SubscribeResponse } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { slowConsumer } from "../errors.ts";
import type { Call } from "../guard/call.ts";
import { namespaceOf } from "../namespaces.ts";
import { settle } from "../settle.ts";
import { checkSubscribe } from "../validate/replica.ts";
import { Bell } from "./bell.ts";
import type { Followed, SubscriptionPart } from "./followed.ts";
import { snapshotPart } from "./snapshot-part.ts";
import type { OpenSubscription, Subscriptions } from "./subscriptions.ts";
import { type Pace, tailPart } from "./tail-part.ts";
import { Window } from "./window.ts";

const BEFORE_THE_FIRST = new Uint8Array();

/** Streams a dataset and what happens to it: a snapshot when it is asked for, and then the tail. */
export async function* subscribe(
  request: SubscribeRequest,
  call: Call,
  environment: RpcEnvironment,
  subscriptions: Subscriptions,
): AsyncGenerator<SubscribeResponse> {
  let opened: OpenSubscription | undefined;
  let stop: (() => void) | undefined;
  try {
    checkSubscribe(request, environment.limits);
    const namespace = namespaceOf(environment, request.namespace);
    opened = subscriptions.open(request.namespace, call.principal);
    call.bytes.release();
    const begun = await settle(
      namespace.submit<"beginSubscription">({ kind: "beginSubscription", request }),
      call.signal,
    );
    if (begun.part.case !== "started") throw new Error("a subscription did not begin");
    const { datasetId, low } = begun.part.value;
    if (request.replica !== "") opened.takeOver(datasetId, request.replica);
    const followed: Followed = {
      namespace,
      datasetName: request.dataset,
      datasetId,
      call,
      environment,
      turns: opened.turns,
      ended: opened.ended,
      cursor: low ?? { seq: 0n, logHash: BEFORE_THE_FIRST },
    };
    const following = new Following(followed, request, begun);
    stop = following.stop;
    yield begun;
    yield* following.rest();
  } catch (error) {
    throw call.errorFrom(error);
  } finally {
    call.ending();
    stop?.();
    opened?.close();
  }
}

/** A subscription that has begun. */
class Following {
  readonly stop: () => void;
  readonly #followed: Followed;
  readonly #request: SubscribeRequest;
  readonly #begun: SubscribeResponse;
  readonly #pace: Pace;

  constructor(followed: Followed, request: SubscribeRequest, begun: SubscribeResponse) {
    this.#followed = followed;
    this.#request = request;
    this.#begun = begun;
    const { namespace, datasetId, environment } = followed;
    const started = begun.part.case === "started" ? begun.part.value : undefined;
    const window = new Window(
      request.replica === "" ? Number.POSITIVE_INFINITY : Number(started?.windowBytes ?? 0n),
    );
    const bell = new Bell();
    let ackedAtMs = Number.NEGATIVE_INFINITY;
    this.#pace = { window, bell, ackedAtMs: () => ackedAtMs };
    const stopMore = namespace.datasets.onDataset(datasetId, () => bell.ring());
    const stopAcks = namespace.datasets.onAck(started?.subscriptionId ?? 0n, (appliedSeq) => {
      if (!window.acked(appliedSeq)) return;
      ackedAtMs = environment.clock.monotonicMs();
      bell.ring();
    });
    this.stop = () => {
      stopMore();
      stopAcks();
    };
  }

  /** Everything behind Started. A client that takes nothing for too long is told so when it takes the next. */
  async *rest(): AsyncGenerator<SubscribeResponse> {
    const { environment, namespace, call } = this.#followed;
    const { clock, limits } = environment;
    for await (const part of this.#parts()) {
      const before = clock.monotonicMs();
      // A client that never takes it would keep the message for ever.
      const cut = clock.after(2 * limits.max_subscriber_stall_ms, () => call.cut());
      try {
        yield { $typeName: "lockstep.v1.SubscribeResponse", header: namespace.header(), part };
      } finally {
        cut.cancel();
      }
      if (clock.monotonicMs() - before >= limits.max_subscriber_stall_ms) {
        throw slowConsumer(this.#followed.cursor);
      }
    }
  }

  async *#parts(): AsyncGenerator<SubscriptionPart> {
    const { part } = this.#begun;
    if (part.case === "started" && part.value.snapshotId !== 0n) {
      const { start } = this.#request;
      const afterKey = start.case === "snapshot" ? start.value.afterKey : BEFORE_THE_FIRST;
      yield* snapshotPart(this.#followed, part.value, afterKey);
    }
    yield* tailPart(this.#followed, this.#pace);
  }
}
