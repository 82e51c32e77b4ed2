import { createClient, type Transport } from "@connectrpc/connect";
import {
  ReplicationService,
  type SubscribeRequestSchema,
  type SubscribeResponse,
} from "@lockstep/protocol";
import type { Activity } from "../activity.ts";
import { faultOf, requestError } from "../calls/fault.ts";
import { ServerUnreachableError } from "../errors.ts";
import type { Epochs } from "../session/epochs.ts";
import type { Fields } from "./fields.ts";

/** What a subscription needs of its client. */
export interface SubscribeParts {
  readonly namespace: string;
  readonly address: string;
  readonly epochs: Epochs;
  readonly activity: Activity;
  /** A connection of its own, so that a slow reader holds up nobody else. */
  readonly bulkTransport: Transport;
}

/**
 * The parts of one subscription, until it is cut, refused or aborted.
 * @throws RequestError, ServerUnreachableError
 */
export async function* subscribeTo(
  { namespace, address, epochs, activity, bulkTransport }: SubscribeParts,
  request: Fields<typeof SubscribeRequestSchema>,
  signal: AbortSignal,
): AsyncGenerator<SubscribeResponse, void, undefined> {
  const idle = activity.begin();
  try {
    const service = createClient(ReplicationService, bulkTransport);
    for await (const response of service.subscribe({ ...request, namespace }, { signal })) {
      // A server that has been replaced: its log may not be the log any more.
      if (signal.aborted || !epochs.admit(response.header)) return;
      yield response;
    }
  } catch (error) {
    if (signal.aborted) return;
    const fault = faultOf(error);
    if (fault.reason !== undefined) throw requestError(fault);
    throw new ServerUnreachableError(address, { cause: error });
  } finally {
    idle();
  }
}
