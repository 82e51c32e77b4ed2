import { create } from "@bufbuild/protobuf";
import { EventSchema } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import type { Commit, Namespace } from "../../executor/namespace.ts";
import { RecentEvents } from "./recent-events.ts";

/** A namespace of which only commits matter. */
function newNamespace(revision: bigint) {
  let listener: ((commit: Commit) => void) | undefined;
  const namespace = {
    header: () => ({ revision }),
    onCommit(given: (commit: Commit) => void) {
      listener = given;
      return () => {
        listener = undefined;
      };
    },
  } as unknown as Namespace;
  const commit = (...revisions: bigint[]) =>
    listener?.({
      events: revisions.map((of) => create(EventSchema, { revision: of })),
      revision: revisions.at(-1) ?? 0n,
    });
  return { namespace, commit, listens: () => listener !== undefined };
}

const all = () => true;
const revisionsOf = (events: readonly { revision: bigint }[]) =>
  events.map(({ revision }) => revision);

describe("the recent events", () => {
  test("cover what came since they began, until they are too many", () => {
    const { namespace, commit } = newNamespace(10n);
    const recent = new RecentEvents(namespace, 3);
    expect([recent.covers(9n), recent.covers(10n)]).toEqual([false, true]);
    commit(11n, 12n);
    commit(13n);
    expect(revisionsOf(recent.read(10n, all, 10).events)).toEqual([11n, 12n, 13n]);
    commit(14n, 15n);
    expect([recent.covers(11n), recent.covers(12n)]).toEqual([false, true]);
    expect(revisionsOf(recent.read(12n, all, 10).events)).toEqual([13n, 14n, 15n]);
  });

  test("are read in parts, and say how far was looked", () => {
    const { namespace, commit } = newNamespace(0n);
    const recent = new RecentEvents(namespace, 10);
    commit(1n, 2n, 3n, 4n, 5n);
    expect(recent.read(0n, all, 2)).toMatchObject({ scannedTo: 2n, more: true });
    expect(recent.read(2n, all, 9)).toMatchObject({ scannedTo: 5n, more: false });
    const even = recent.read(0n, ({ revision }) => revision % 2n === 0n, 9);
    expect(revisionsOf(even.events)).toEqual([2n, 4n]);
    expect(even.scannedTo).toBe(5n);
    expect([recent.isHead(4n), recent.isHead(5n)]).toEqual([false, true]);
    expect(recent.read(7n, all, 9).scannedTo).toBe(7n);
  });

  test("wake those who wait for an event, once, and nobody else", () => {
    const { namespace, commit, listens } = newNamespace(0n);
    const recent = new RecentEvents(namespace, 10);
    const woken: string[] = [];
    recent.wait({ matches: all, wake: () => woken.push("all") });
    recent.wait({ matches: ({ revision }) => revision === 2n, wake: () => woken.push("two") });
    recent.wait({ matches: all, wake: () => woken.push("stopped") })();
    commit(1n);
    commit(2n);
    expect(woken).toEqual(["all", "two"]);
    recent.close();
    expect(listens()).toBe(false);
  });
});
