import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { onAbort } from "./on-abort.ts";

test("all who listen are told once, but not those who have gone before or are stopped by another", () => {
  const aborter = new AbortController();
  const told: string[] = [];
  const listen = (name: string) => onAbort(aborter.signal, () => void told.push(name));
  const stopGone = listen("gone");
  onAbort(aborter.signal, () => {
    told.push("stops another");
    stopOther();
  });
  const stopOther = listen("stopped");
  listen("last");
  stopGone();
  expect(getEventListeners(aborter.signal, "abort")).toHaveLength(1);
  aborter.abort();
  expect(told).toEqual(["stops another", "last"]);
  listen("too late");
  expect(told).toHaveLength(2);
});

test("what one listener throws keeps no other from being told, and is an error of the process", async () => {
  const aborter = new AbortController();
  const thrown = new Promise((resolve) =>
    process.prependOnceListener("uncaughtException", resolve),
  );
  const others = process.listeners("uncaughtException").slice(1);
  for (const other of others) process.off("uncaughtException", other);
  try {
    onAbort(aborter.signal, () => {
      throw new Error("of a listener");
    });
    let told = false;
    onAbort(aborter.signal, () => {
      told = true;
    });
    aborter.abort();
    expect(told).toBe(true);
    expect(await thrown).toMatchObject({ message: "of a listener" });
  } finally {
    for (const other of others) process.on("uncaughtException", other);
  }
});
