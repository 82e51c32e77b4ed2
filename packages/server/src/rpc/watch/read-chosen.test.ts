import { create } from "@bufbuild/protobuf";
import { type Event, EventFilterSchema, EventSchema } from "@lockstep/protocol";
import { expect, test } from "vitest";
import type { Namespace } from "../../executor/namespace.ts";
import type { JournalFilter, PageLimit } from "../../journal/journal.ts";
import { chosenBy } from "./event-filter.ts";
import { readChosen, SCAN } from "./read-chosen.ts";

/** A history whose events were caused by `me` and `you` by turns. */
function historyOf(count: number) {
  const asked: { limit: PageLimit; filter: JournalFilter }[] = [];
  const events = Array.from({ length: count }, (_, index) =>
    create(EventSchema, { revision: BigInt(index + 1), actor: index % 2 === 0 ? "me" : "you" }),
  );
  const namespace = {
    async history(after: bigint, limit: PageLimit, filter: JournalFilter) {
      asked.push({ limit, filter });
      const rest = events.filter(({ revision }) => revision > after);
      const page = rest.slice(0, limit.maxRecords);
      const scannedTo = page.at(-1)?.revision ?? after;
      return { events: page, scannedTo, more: page.length < rest.length };
    },
  } as unknown as Namespace;
  return { namespace, asked };
}

const byActor = (actor: string) => chosenBy(create(EventFilterSchema, { actor }));
const revisionsOf = (events: readonly Event[]) => events.map(({ revision }) => Number(revision));
const limit = { maxRecords: 3, maxBytes: 1_000 };

test("what the index knows is read as it is asked for", async () => {
  const { namespace, asked } = historyOf(10);
  const page = await readChosen(namespace, 0n, limit, chosenBy(undefined));
  expect(revisionsOf(page.events)).toEqual([1, 2, 3]);
  expect(asked).toEqual([{ limit, filter: { kind: "all" } }]);
});

test("page by page, every chosen event comes once [LOCK-160]", async () => {
  const { namespace } = historyOf(13);
  const pages: number[][] = [];
  for (let after = 0n, more = true; more; ) {
    const page = await readChosen(namespace, after, limit, byActor("me"));
    pages.push(revisionsOf(page.events));
    after = page.scannedTo;
    more = page.more;
  }
  expect(pages).toEqual([[1, 3, 5], [7, 9, 11], [13]]);
});

test("a page is as large as its bytes allow, and holds one event all the same", async () => {
  const { namespace } = historyOf(10);
  const page = await readChosen(namespace, 0n, { maxRecords: 3, maxBytes: 1 }, byActor("you"));
  expect(page).toMatchObject({ scannedTo: 2n, more: true });
  expect(revisionsOf(page.events)).toEqual([2]);
});

test("a long search ends in an empty page whose cursor has moved", async () => {
  const { namespace } = historyOf(SCAN.maxRecords + 1);
  const first = await readChosen(namespace, 0n, limit, byActor("nobody"));
  expect(first).toEqual({ events: [], scannedTo: BigInt(SCAN.maxRecords), more: true });
  const last = await readChosen(namespace, first.scannedTo, limit, byActor("nobody"));
  expect(last).toMatchObject({ events: [], more: false });
});
