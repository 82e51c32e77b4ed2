import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Clock,
  type ReplicationLink,
  RequestError,
  ServerUnreachableError,
} from "@lockstep/client";
import { SubscribeResponseSchema } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { followLog } from "./follow-log.ts";

/** Time that has always passed already. */
const clock = {
  stayAwake: () => ({ cancel: () => {} }),
  after: (_: number, fn: () => void) => {
    queueMicrotask(fn);
    return { cancel: () => {} };
  },
} as unknown as Clock;

type Part = MessageInitShape<typeof SubscribeResponseSchema>["part"];

/** Changes of one batch. */
const changes = (first: bigint, last: bigint, hash: number): Part => ({
  case: "changes",
  value: {
    prevSeq: first - 1n,
    changes: Array.from({ length: Number(last - first + 1n) }, (_, at) => ({
      seq: first + BigInt(at),
    })),
    lastSeq: last,
    logHash: new Uint8Array([hash]),
  },
});

/** A server that answers each subscription as scripted: parts, and then an end or an error. */
function scripted(...script: (Part | Error)[][]) {
  const asked: unknown[] = [];
  const replication: Pick<ReplicationLink, "subscribe"> = {
    async *subscribe(request) {
      asked.push(request.start?.value);
      for (const step of script.shift() ?? [new RequestError("NOT_FOUND", "DATASET_UNKNOWN", "")]) {
        if (step instanceof Error) throw step;
        yield create(SubscribeResponseSchema, { part: step as NonNullable<Part> });
      }
    },
  };
  return { asked, replication };
}

async function read(server: ReturnType<typeof scripted>, fromSeq: bigint) {
  const told: string[] = [];
  const { signal } = new AbortController();
  let error: unknown;
  try {
    for await (const entry of followLog(server, "orders", fromSeq, signal, clock))
      told.push(entry.kind === "change" ? `${entry.change.seq}` : `at ${entry.checkpoint.seq}`);
  } catch (reason) {
    error = reason;
  }
  return { told, error };
}

test("a log goes on behind the last batch, named by its log hash, after whatever passes", async () => {
  const server = scripted(
    [changes(1n, 2n, 7), { case: "checkpoint", value: { seq: 2n } }],
    [new ServerUnreachableError("there", {})],
    [changes(3n, 3n, 8), new RequestError("UNAVAILABLE", "SERVER_STOPPING", "")],
  );
  const { told, error } = await read(server, 1n);
  expect(told).toEqual(["1", "2", "at 2", "3"]);
  expect(server.asked).toEqual([
    { seq: 0n },
    { seq: 2n, logHash: new Uint8Array([7]) },
    { seq: 2n, logHash: new Uint8Array([7]) },
    { seq: 3n, logHash: new Uint8Array([8]) },
  ]);
  expect(error).toMatchObject({ reason: "DATASET_UNKNOWN" });
});

test("a batch that begins before what is asked for is told from there", async () => {
  const { told } = await read(scripted([changes(1n, 3n, 7)], [changes(4n, 4n, 8)]), 3n);
  expect(told).toEqual(["3", "4"]);
});

test("a log that has become another one, or does not reach back so far, ends with the reason", async () => {
  for (const reason of ["LOG_DIVERGED", "COMPACTED"]) {
    const server = scripted([new RequestError("OUT_OF_RANGE", reason, "")]);
    expect(await read(server, 2n)).toMatchObject({ told: [], error: { reason } });
  }
});
