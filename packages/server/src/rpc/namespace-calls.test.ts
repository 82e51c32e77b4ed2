import { createClient } from "@connectrpc/connect";
import { AdminService, ErrorReason, errorDetailOf, LockOrdering } from "@lockstep/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { testServers, transportTo } from "../testing-support/test-server.ts";

const start = testServers();
const reason = "test";
const reasonOf = (error: unknown) => ErrorReason[errorDetailOf(error)?.reason ?? 0];

function adminOf(url: string) {
  return createClient(AdminService, transportTo(url));
}
let admin: ReturnType<typeof adminOf>;
beforeEach(async () => {
  const { server } = await start();
  admin = adminOf(server.url);
});

describe("a namespace", () => {
  const settings = { ordering: LockOrdering.ASCENDING };

  test("that exists with the same settings is created again without an event [GEN-6]", async () => {
    const request = { namespace: "red", settings, reason };
    const first = await admin.createNamespace(request);
    expect(first.namespace).toMatchObject({ namespace: "red", settings });
    const again = await admin.createNamespace(request);
    expect(again.header?.revision).toBe(first.namespace?.revision);
    const other = admin.createNamespace({ ...request, settings: {} });
    expect(await other.catch(reasonOf)).toBe("NAMESPACE_EXISTS");
  });

  test("is changed at the expected version only [GEN-7, GEN-73]", async () => {
    const { namespace } = await admin.createNamespace({ namespace: "red", reason });
    const expectedVersion = namespace?.version ?? 0n;
    const update = { namespace: "red", settings, expectedVersion, reason };
    const updated = await admin.updateNamespace(update);
    expect(updated.namespace).toMatchObject({ settings, version: expectedVersion + 1n });
    const again = await admin.updateNamespace(update);
    expect(again.namespace?.version).toBe(expectedVersion + 1n);
    const late = await admin
      .updateNamespace({ ...update, settings: {} })
      .catch((error) => errorDetailOf(error));
    expect(late).toMatchObject({
      reason: ErrorReason.VERSION_MISMATCH,
      metadata: { version: String(expectedVersion + 1n) },
    });
  });

  test("is listed once, in the order of the bytes of the names, page by page [GEN-8, GEN-54]", async () => {
    const names = ["red", "\u{1f512}", "\uffee", "blue/1", "blue"];
    for (const namespace of names) await admin.createNamespace({ namespace, reason });
    const listed: string[] = [];
    let pageToken = "";
    do {
      const page = await admin.listNamespaces({ pageSize: 2, pageToken });
      expect(page.namespaces.length).toBeLessThanOrEqual(2);
      listed.push(...page.namespaces.map(({ namespace }) => namespace));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(listed).toEqual(["blue", "blue/1", "default", "red", "\uffee", "\u{1f512}"]);
    expect((await admin.listNamespaces({ pageSize: 6 })).nextPageToken).toBe("");
  });
});
