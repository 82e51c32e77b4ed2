import { compareNames } from "@lockstep/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NameOrder } from "./name-order.ts";

/** A set of names with its order, which counts how often it is looked at. */
class Names {
  readonly all = new Set<string>();
  readonly order = new NameOrder(this);
  walks = 0;
  looks = 0;

  get size(): number {
    return this.all.size;
  }

  has(name: string): boolean {
    this.looks += 1;
    return this.all.has(name);
  }

  keys(): Iterable<string> {
    this.walks += 1;
    return this.all.keys();
  }

  add(name: string): void {
    if (this.all.has(name)) return;
    this.all.add(name);
    this.order.note(name);
  }

  /** At most `size` names above `after`. */
  page(after: string, size: number): string[] {
    const page: string[] = [];
    for (const name of this.order.from(after)) {
      if (name === after) continue;
      page.push(name);
      if (page.length === size) break;
    }
    return page;
  }
}

/** Names in an order that is not theirs. */
function* mixed(count: number): Generator<string> {
  for (let i = 0; i < count; i += 1) yield `k${String((i * 7_919) % count).padStart(6, "0")}`;
}

function listAll(names: Names, size: number): string[] {
  const listed: string[] = [];
  for (let page = names.page("", size); page.length > 0; ) {
    listed.push(...page);
    page = names.page(listed.at(-1) as string, size);
  }
  return listed;
}

const name = fc.string({
  unit: fc.constantFrom("a", "b", "/", "\uffee", "\u{1f512}"),
  maxLength: 3,
});
const change = fc.record({ name, comes: fc.boolean() });

describe("NameOrder", () => {
  it("gives what is there in byte order, from any name on, whatever came and went between lists", () => {
    const steps = fc.array(fc.record({ changes: fc.array(change), from: name }));
    fc.assert(
      fc.property(steps, (all) => {
        const names = new Names();
        for (const { changes, from } of all) {
          for (const { name, comes } of changes)
            if (comes) names.add(name);
            else names.all.delete(name);
          const expected = [...names.all].filter((name) => compareNames(name, from) >= 0);
          expect([...names.order.from(from)]).toEqual(expected.sort(compareNames));
        }
      }),
    );
  });

  it("gives the same of many names, page by page", () => {
    const names = new Names();
    for (const name of mixed(50_000)) names.add(name);
    expect(listAll(names, 700)).toEqual([...names.all].sort());
  });

  it("walks along all names once for a whole list in pages, though names come meanwhile", () => {
    const names = new Names();
    for (const name of mixed(40_000)) names.add(name);
    let after = "";
    let pages = 0;
    for (let page = names.page(after, 100); page.length > 0; page = names.page(after, 100)) {
      after = page.at(-1) as string;
      if (page.length === 100) names.add(`${after}+`);
      pages += 1;
    }
    expect(pages).toBeGreaterThan(400);
    expect(names.walks).toBe(1);
    // Each name is looked at when its run is sorted, when its page is made, and again when one came beside it.
    expect(names.looks).toBeLessThan(40_000 * 2 + pages * 1_300);
  });

  it("sorts for a page what lies around it, and no more", () => {
    const names = new Names();
    for (const name of mixed(100_000)) names.add(name);
    expect(names.page("k050000", 10)).toHaveLength(10);
    expect(names.looks).toBeLessThan(30_000);
  });

  it("passes a name that is gone no more than twice", () => {
    const names = new Names();
    for (const name of mixed(5_000)) names.add(name);
    listAll(names, 1_000);
    for (const name of mixed(5_000)) if (name !== "k004999") names.all.delete(name);
    expect(names.page("", 1)).toEqual(["k004999"]);
    names.page("", 1);
    names.looks = 0;
    expect(names.page("", 1)).toEqual(["k004999"]);
    expect(names.looks).toBeLessThan(10);
  });

  it("makes the order anew when most of it is gone", () => {
    const names = new Names();
    for (const name of mixed(20_000)) names.add(name);
    names.page("", 1);
    names.all.clear();
    names.add("a");
    names.looks = 0;
    expect(names.page("", 1)).toEqual(["a"]);
    expect(names.looks).toBeLessThan(10);
  });

  it("keeps no log of names that come and go while nobody lists for long", () => {
    const names = new Names();
    names.page("", 1);
    for (let i = 0; i < 10_003; i += 1) {
      names.add("a");
      names.all.delete("a");
    }
    names.add("b");
    expect(names.page("", 2)).toEqual(["b"]);
    expect(names.walks).toBe(2);
  });
});
