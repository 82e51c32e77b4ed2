import { Refusal } from "@lockstep/core";
import { DEFAULT_LIMITS, ErrorReason } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { Namespaces, type OpenedNamespace } from "./namespaces.ts";

/** Namespaces of which only their beginning and end matter. */
function setup(limits: object = {}) {
  const told: string[] = [];
  let freeBytes = 10 ** 12;
  const namespaces = new Namespaces({
    limits: { ...DEFAULT_LIMITS, ...limits },
    async open(name, isNew) {
      told.push(`open ${name}${isNew ? " new" : ""}`);
      const tell = (what: string) => () => void told.push(`${what} ${name}`);
      const executor = { start: tell("start"), close: tell("stop"), info: () => ({}) };
      const journal = { close: tell("close"), freeBytes: async () => freeBytes };
      return { executor, journal } as unknown as OpenedNamespace;
    },
  });
  const fill = () => {
    freeBytes = 1;
  };
  return { namespaces, told, fill };
}

const refusalOf = (made: Promise<unknown>) =>
  made.then(
    () => undefined,
    (error) => (error instanceof Refusal ? error : Promise.reject(error)),
  );

describe("the namespaces of a server", () => {
  test("are opened once each, in the order of their names, and answer from the start on", async () => {
    const { namespaces, told } = setup();
    await namespaces.open(["default", "b", "a", "b"]);
    expect([...namespaces.served.keys()]).toEqual(["a", "b", "default"]);
    namespaces.start();
    await namespaces.close();
    expect(told).toEqual([
      ...["open a", "open b", "open default", "start a", "start b", "start default"],
      ...["stop a", "stop b", "stop default", "close a", "close b", "close default"],
    ]);
  });

  test("that are made are served when whoever makes them is done, not before", async () => {
    const { namespaces, told } = setup();
    await namespaces.open(["default"]);
    const made = await namespaces.make("new", async (_, isNew) => {
      expect(namespaces.served.has("new")).toBe(false);
      return isNew;
    });
    expect(made).toBe(true);
    expect(namespaces.served.has("new")).toBe(true);
    expect(told).toEqual(["open default", "open new new", "start new"]);
  });

  test("are made one at a time, and the second finds what the first has made", async () => {
    const { namespaces, told } = setup();
    await namespaces.open(["default"]);
    const use = async (_: unknown, isNew: boolean) => isNew;
    const made = await Promise.all([namespaces.make("new", use), namespaces.make("new", use)]);
    expect(made).toEqual([true, false]);
    expect(told.filter((each) => each === "open new new")).toHaveLength(1);
  });

  test("whose maker failed are not served, and not opened a second time", async () => {
    const { namespaces, told } = setup();
    await namespaces.open(["default"]);
    const fail = () => Promise.reject(new Refusal(9, ErrorReason.INTERNAL, "no"));
    expect(await refusalOf(namespaces.make("new", fail))).toBeDefined();
    expect(namespaces.served.has("new")).toBe(false);
    expect(await namespaces.make("new", async (_, isNew) => isNew)).toBe(true);
    expect(told.filter((each) => each === "open new new")).toHaveLength(1);
  });

  test("are at most max_namespaces, those there are apart [GEN-51]", async () => {
    const { namespaces } = setup({ max_namespaces: 2 });
    await namespaces.open(["default", "found 1", "found 2"]);
    const use = async () => undefined;
    await namespaces.make("found 1", use);
    const refused = await refusalOf(namespaces.make("new", use));
    expect(refused?.metadata).toEqual({ limit: "max_namespaces", max: "2" });
  });

  test("are not made while the disk is nearly full", async () => {
    const { namespaces, fill, told } = setup();
    await namespaces.open(["default"]);
    fill();
    const refused = await refusalOf(namespaces.make("new", async () => undefined));
    expect(refused?.reason).toBe(ErrorReason.STORAGE_LOW);
    expect(told).toEqual(["open default"]);
  });
});
