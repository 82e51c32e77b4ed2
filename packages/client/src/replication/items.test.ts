import { create } from "@bufbuild/protobuf";
import { Code, createRouterTransport } from "@connectrpc/connect";
import {
  AckResponseSchema,
  AppendResponseSchema,
  type AttachCall,
  AttachErrorSchema,
  ChangeOp,
  ErrorReason,
  ReplicationService,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { FRAME_BYTES_MAX } from "../attach/frames.ts";
import { createClient } from "../client.ts";
import { AppendOutcomeUnknownError, RequestError } from "../errors.ts";
import { ManualClock } from "../ports/manual-clock.ts";
import { FakeServer } from "../testing-support/fake-server.ts";
import { outcomeOf } from "../testing-support/world.ts";
import { ITEM_BYTES_MAX, ITEMS_MAX } from "./items.ts";

/** A client whose unary calls about datasets are counted, and may go over either connection. */
function attachedClient() {
  const clock = new ManualClock();
  const server = new FakeServer();
  const unary = { control: 0, bulk: 0, ack: 0 };
  const header = () => server.state.header();
  const over = (connection: "control" | "bulk") =>
    createRouterTransport(({ service }) =>
      service(ReplicationService, {
        append: () => {
          unary[connection] += 1;
          return { header: header(), lastSeq: 1n };
        },
        ack: () => {
          unary.ack += 1;
          return { header: header(), headSeq: 1n };
        },
      }),
    );
  const [attached, alone] = [server.transport(), over("control")];
  const controlTransport: typeof alone = {
    unary: (method, ...rest) =>
      (method.parent === ReplicationService ? alone : attached).unary(method, ...rest),
    stream: (...all) => attached.stream(...all),
  };
  const transports = { transport: attached, controlTransport, bulkTransport: over("bulk") };
  const client = createClient({ ...transports, clock, namespace: "shop" });
  const opened = async () => {
    await client.ready();
    await clock.settle();
    server.frameSizes.length = 0;
  };
  return { clock, server, client, unary, opened };
}

type Asked = Extract<AttachCall["request"], { case: "append" | "ack" }>;

/** Has the server answer what is asked on its Attach. */
function answering(server: FakeServer): Asked[] {
  const asked: Asked[] = [];
  server.datasets = (request, reply) => {
    asked.push(request as Asked);
    const header = server.state.header();
    if (request.case === "append")
      reply({ case: "append", value: create(AppendResponseSchema, { header, lastSeq: 7n }) });
    else reply({ case: "ack", value: create(AckResponseSchema, { header, headSeq: 9n }) });
  };
  return asked;
}

const batch = (bytes = 1, idempotencyKey = "") => ({
  dataset: "orders",
  changes: [
    { op: ChangeOp.PUT, key: new Uint8Array(1), value: new Uint8Array(bytes), idempotencyKey },
  ],
});

test("appends and acks of one tick ride in one frame of the open Attach", async () => {
  const { clock, server, client, unary, opened } = attachedClient();
  const asked = answering(server);
  await opened();
  const appends = Array.from({ length: 63 }, () => client.datasets.append(batch()));
  const acking = client.replication.ack({ dataset: "orders", appliedSeq: 3n });
  await clock.settle();
  expect((await Promise.all(appends)).map(({ lastSeq }) => lastSeq)).toEqual(Array(63).fill(7n));
  expect((await acking).headSeq).toBe(9n);
  expect(server.frameSizes).toEqual([64]);
  expect(asked[0]?.value).toMatchObject({ namespace: "shop", dataset: "orders" });
  expect(unary).toEqual({ control: 0, bulk: 0, ack: 0 });
});

test("without an open Attach they are calls of their own, and no session is opened for them", async () => {
  const { server, client, unary } = attachedClient();
  await client.datasets.append(batch());
  await client.replication.ack({ dataset: "orders" });
  expect(unary).toEqual({ control: 1, bulk: 0, ack: 1 });
  expect(server.arrivals).toEqual([]);
});

test("an append that does not fit in a frame goes over the connection for bulk", async () => {
  const { clock, server, client, unary, opened } = attachedClient();
  const asked = answering(server);
  await opened();
  const large = client.datasets.append(batch(FRAME_BYTES_MAX));
  await clock.settle();
  expect((await large).lastSeq).toBe(1n);
  expect(unary).toEqual({ control: 0, bulk: 1, ack: 0 });
  expect(asked).toEqual([]);
});

test("when so many calls or bytes are under way that a renewal would wait, more go beside the Attach, until those are answered", async () => {
  const { clock, server, client, unary, opened } = attachedClient();
  await opened();
  const half = FRAME_BYTES_MAX / 2;
  const fitting = Math.floor(ITEM_BYTES_MAX / FRAME_BYTES_MAX) * 2 - 1;
  const stop = new AbortController();
  const { signal } = stop;
  const large = Array.from({ length: fitting + 2 }, () =>
    outcomeOf(client.datasets.append(batch(half), { signal })),
  );
  await clock.settle();
  expect(unary.control).toBe(2);
  expect(large.filter(({ settled }) => settled)).toHaveLength(2);
  stop.abort();
  await clock.settle();
  const answers: (() => void)[] = [];
  const value = create(AppendResponseSchema, { header: server.state.header() });
  server.datasets = (_, reply) => answers.push(() => reply({ case: "append", value }));
  const small = Array.from({ length: ITEMS_MAX + 1 }, () =>
    outcomeOf(client.datasets.append(batch())),
  );
  await clock.settle();
  expect(unary.control).toBe(3);
  for (const answer of answers) answer();
  await clock.settle();
  expect(small.every(({ settled }) => settled)).toBe(true);
  const asked = answering(server);
  await Promise.all([client.datasets.append(batch()), clock.settle()]);
  expect(asked).toHaveLength(1);
});

test("a refusal on the Attach says the same as that of a call of its own [DATA-30]", async () => {
  const { clock, server, client, opened } = attachedClient();
  const detail = { reason: ErrorReason.FENCED, metadata: { key: "leader" } };
  const value = { code: Code.FailedPrecondition, message: "another leads", detail };
  server.datasets = (_, reply) => reply({ case: "error", value: create(AttachErrorSchema, value) });
  await opened();
  const appending = outcomeOf(client.datasets.append(batch()));
  await clock.settle();
  expect(appending.error).toBeInstanceOf(RequestError);
  expect(appending.error).toMatchObject({ reason: "FENCED", metadata: { key: "leader" } });
});

test("when the Attach is cut, an append with idempotency keys is repeated, and of one without the outcome is unknown [DATA-47]", async () => {
  const { clock, server, client, unary, opened } = attachedClient();
  let heard = 0;
  server.datasets = () => {
    heard += 1;
  };
  await opened();
  const recognised = outcomeOf(client.datasets.append(batch(1, "k1")));
  const unknown = outcomeOf(client.datasets.append(batch()));
  await clock.settle();
  expect(heard).toBe(2);
  const asked = answering(server);
  server.cut();
  await clock.advance(2_000);
  expect(unknown.error).toBeInstanceOf(AppendOutcomeUnknownError);
  expect(recognised.error).toBeUndefined();
  expect(recognised.settled).toBe(true);
  expect(asked.length + unary.control).toBe(1);
});
