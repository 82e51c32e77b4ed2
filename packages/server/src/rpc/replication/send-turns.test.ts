import { expect, test, vi } from "vitest";
import { systemClock } from "../../ports/clock.ts";
import {
  append,
  createDataset,
  datasetClient,
  Followed,
  put,
} from "../../testing-support/datasets.ts";
import { testServers, transportTo } from "../../testing-support/test-server.ts";

const start = testServers();
const FOLLOWERS = 100;

test("of many subscriptions that have something to send few send it in one turn, so that others are answered in between [REP-40]", async () => {
  const { server, namespace } = await start();
  const client = datasetClient(transportTo(server.url));
  await createDataset(client);
  const cursor = { start: { case: "cursor", value: { seq: 0n } } } as const;
  const followers = Array.from({ length: FOLLOWERS }, () => new Followed(client, cursor as never));
  for (const each of followers) await each.part("started");
  const perTurn: number[] = [];
  const { datasets } = namespace;
  const readChanges = datasets.readChanges.bind(datasets);
  vi.spyOn(datasets, "readChanges").mockImplementation((...read) => {
    // The first one of a turn sees it end.
    if (perTurn.length === 0) perTurn.push(0);
    if (perTurn.at(-1) === 0) systemClock.afterTurn(() => perTurn.push(0));
    perTurn.push((perTurn.pop() ?? 0) + 1);
    return readChanges(...read);
  });
  await append(client, [put("a", "1")]);
  for (const each of followers) expect((await each.part("changes")).lastSeq).toBe(1n);
  expect(perTurn.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(FOLLOWERS);
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(8);
  for (const each of followers) each.close();
});
