import { datasetUnknown } from "@lockstep/core";
import type { LogPosition, SubscribeResponse } from "@lockstep/protocol";
import type { DatasetReads } from "../../executor/datasets/dataset-reads.ts";
import type { Namespace } from "../../executor/namespace.ts";
import type { RpcEnvironment } from "../environment.ts";
import { serverStopping } from "../errors.ts";
import type { Call } from "../guard/call.ts";
import type { Turns } from "./subscriptions.ts";

/** One message of a subscription. */
export type SubscriptionPart = SubscribeResponse["part"];

/** A dataset that is followed, and up to where. */
export interface Followed {
  readonly namespace: Namespace;
  readonly datasetName: string;
  readonly datasetId: bigint;
  readonly call: Call;
  readonly environment: RpcEnvironment;
  readonly turns: Turns;
  /** Aborts when a newer subscription of the same replica takes over. */
  readonly ended: AbortSignal;
  /** Everything up to here was sent. */
  cursor: Pick<LogPosition, "seq" | "logHash">;
}

/** What ends a subscription from outside. */
export function signalsOf({ call, environment, ended }: Followed): AbortSignal[] {
  return [call.signal, environment.stopping, ended];
}

/**
 * What is durable of a dataset that is still followed.
 * @throws what ends the subscription: its call, a newer one, the server or the dataset.
 */
export function stillFollowed(followed: Followed): { reads: DatasetReads; head: LogPosition } {
  const { call, ended, environment, namespace, datasetId, datasetName } = followed;
  call.signal.throwIfAborted();
  ended.throwIfAborted();
  if (environment.stopping.aborted) throw serverStopping();
  const { datasets: reads } = namespace;
  if (reads.failure !== undefined) throw reads.failure;
  const head = reads.durableHead(datasetId);
  if (head === undefined) throw datasetUnknown(datasetName);
  return { reads, head };
}
