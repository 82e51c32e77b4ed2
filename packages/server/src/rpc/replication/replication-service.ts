import type { ServiceImpl } from "@connectrpc/connect";
import type { ReplicationService } from "@lockstep/protocol";
import type { RpcEnvironment } from "../environment.ts";
import { callOf } from "../guard/call.ts";
import { appendCalls } from "./append.ts";
import { datasetCalls } from "./dataset-calls.ts";
import { driftCalls } from "./drift-calls.ts";
import { readCalls } from "./read-calls.ts";
import { replicaCalls } from "./replica-calls.ts";
import { subscribe } from "./subscribe.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Datasets and those who follow them. */
export function replicationService(
  environment: RpcEnvironment,
  subscriptions: Subscriptions,
): ServiceImpl<typeof ReplicationService> {
  return {
    ...datasetCalls(environment),
    ...replicaCalls(environment),
    ...appendCalls(environment),
    ...readCalls(environment),
    ...driftCalls(environment),
    subscribe: (request, context) =>
      subscribe(request, callOf(context), environment, subscriptions),
  };
}
