import { type ConnectError, createClient } from "@connectrpc/connect";
import {
  DEFAULT_LIMITS,
  Durability,
  ErrorReason,
  errorDetailOf,
  LockService,
  NamespaceRole,
  ServerService,
} from "@lockstep/protocol";
import { expect, test } from "vitest";
import { openNamespace } from "../executor/open-namespace.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { VirtualClock } from "../ports/virtual-clock.ts";
import { newCaller } from "../testing-support/caller.ts";
import { testServers, transportTo } from "../testing-support/test-server.ts";

const start = testServers();
const namespace = "default";

test("tells that a journal in memory survives nothing [GEN-91]", async () => {
  const { server } = await start();
  const client = createClient(ServerService, transportTo(server.url));
  expect((await client.getServerInfo({})).durability).toBe(Durability.NONE);
  expect((await client.getServerInfo({ namespace })).durability).toBe(Durability.NONE);
});

test("tells of itself what it is and can, and of a namespace where it stands [GEN-90]", async () => {
  const { server } = await start();
  const client = createClient(ServerService, transportTo(server.url));
  const { token } = await (await newCaller(server.url, 1)).take("a");
  const info = await client.getServerInfo({ namespace });
  expect(info.serverVersion).not.toBe("");
  expect(info.protocolVersions).toEqual(["v1"]);
  expect(info.features).toContain("attach");
  expect(Object.keys(info.limits).length).toBeGreaterThan(20);
  expect(info.namespace).toMatchObject({
    ...{ namespace, role: NamespaceRole.LEADER, epoch: 1n, revision: token, floor: 0n },
  });
  expect((await client.getServerInfo({})).namespace).toBeUndefined();
});

test("answers while a namespace recovers, which itself refuses [GEN-92, REC-4]", async () => {
  const clock = new VirtualClock(0);
  const recovering = await openNamespace({
    name: namespace,
    clusterId: "cluster",
    node: "node-1",
    clock,
    journal: new MemoryJournal(),
    limits: DEFAULT_LIMITS,
    serverVersion: "test",
    onStopped: () => undefined,
  });
  const { server } = await start({ clock, namespaces: new Map([[namespace, recovering]]) });
  const transport = transportTo(server.url);
  const info = await createClient(ServerService, transport).getServerInfo({ namespace });
  expect(info.namespace?.role).toBe(NamespaceRole.RECOVERING);
  const refused = await createClient(LockService, transport)
    .getLock({ namespace, key: "a" })
    .catch((error: ConnectError) => errorDetailOf(error)?.reason);
  expect(refused).toBe(ErrorReason.RECOVERING);
  recovering.close();
});

test("answers when a namespace has stopped [GEN-92]", async () => {
  const { server, journal } = await start();
  const ann = await newCaller(server.url, 1);
  journal.failNext("not-written");
  await expect(ann.take("a")).rejects.toThrow();
  const client = createClient(ServerService, transportTo(server.url));
  const info = await client.getServerInfo({ namespace });
  expect(info.namespace?.role).toBe(NamespaceRole.STOPPED);
});
