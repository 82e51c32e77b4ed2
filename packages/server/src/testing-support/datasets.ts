import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  type AppendRequestSchema,
  ChangeOp,
  type DatasetPolicySchema,
  type ErrorReason,
  errorDetailOf,
  type NewChangeSchema,
  ReplicationService,
  type SubscribeRequestSchema,
  type SubscribeResponse,
} from "@lockstep/protocol";

/** The dataset of the tests. */
export const DATASET = { namespace: "default", dataset: "stock" } as const;

/** A client of datasets. */
export function datasetClient(transport: Transport): Client<typeof ReplicationService> {
  return createClient(ReplicationService, transport);
}

/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** A text of bytes. */
export function text(of: Uint8Array | undefined): string | undefined {
  return of === undefined ? undefined : Buffer.from(of).toString();
}

/** Makes the dataset. */
export async function createDataset(
  client: Client<typeof ReplicationService>,
  policy?: MessageInitShape<typeof DatasetPolicySchema>,
) {
  const { dataset } = await client.createDataset({
    ...DATASET,
    reason: "test",
    ...(policy && { policy }),
  });
  if (dataset === undefined) throw new Error("no dataset in the reply");
  return dataset;
}

type Change = MessageInitShape<typeof NewChangeSchema>;

/** A change that puts. */
export function put(key: string, value: string, more: Partial<Change> = {}): Change {
  return {
    op: ChangeOp.PUT,
    key: bytes(key),
    value: bytes(value),
    schemaVersion: 1,
    ...more,
  } as Change;
}

/** A change that deletes. */
export function remove(key: string, more: Partial<Change> = {}): Change {
  return { op: ChangeOp.DELETE, key: bytes(key), ...more } as Change;
}

/** Appends a batch. */
export function append(
  client: Client<typeof ReplicationService>,
  changes: readonly Change[],
  more: MessageInitShape<typeof AppendRequestSchema> = {},
) {
  return client.append({ ...DATASET, changes: [...changes], ...more } as never);
}

/** The reason of the refusal that a call must end with. */
export async function refused(call: Promise<unknown>): Promise<ErrorReason | undefined> {
  return (await refusal(call)).reason;
}

/** The refusal that a call must end with. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConnectError)) throw new Error("the call was not refused");
  const detail = errorDetailOf(error);
  return { code: error.code, reason: detail?.reason, metadata: detail?.metadata ?? {} };
}

/** A subscription that is taken part by part. */
export class Followed {
  readonly #abort = new AbortController();
  readonly #parts: AsyncIterator<SubscribeResponse>;

  constructor(
    client: Client<typeof ReplicationService>,
    request: MessageInitShape<typeof SubscribeRequestSchema> = {},
  ) {
    const init = { ...DATASET, ...request } as never;
    const options = { signal: this.#abort.signal };
    this.#parts = client.subscribe(init, options)[Symbol.asyncIterator]();
  }

  /** The next part, heartbeats included. */
  async next(): Promise<SubscribeResponse["part"]> {
    const { done, value } = await this.#parts.next();
    if (done) throw new Error("the subscription has ended without a refusal");
    return value.part;
  }

  /** The next part of a kind; those before it must be heartbeats. */
  async part<K extends NonNullable<SubscribeResponse["part"]["case"]>>(
    kind: K,
  ): Promise<Extract<SubscribeResponse["part"], { case: K }>["value"]> {
    for (;;) {
      const part = await this.next();
      if (part.case === kind) return part.value as never;
      if (part.case !== "heartbeat") throw new Error(`expected ${kind}, got ${part.case}`);
    }
  }

  close(): void {
    this.#abort.abort();
  }
}
