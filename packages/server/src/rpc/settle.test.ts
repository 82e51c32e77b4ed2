import { expect, test } from "vitest";
import { settle } from "./settle.ts";

function newPending() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const pending = {
    reply: promise,
    abandoned: 0,
    abandon() {
      pending.abandoned += 1;
    },
  };
  return { pending, resolve, reject };
}

test("the reply of an operation is the reply of its call, which is not abandoned", async () => {
  const { pending, resolve } = newPending();
  const over = new AbortController();
  const settled = settle(pending, over.signal);
  resolve("done");
  expect(await settled).toBe("done");
  over.abort(new Error("later"));
  expect(pending.abandoned).toBe(0);
});

test("a refusal is passed on", async () => {
  const { pending, reject } = newPending();
  const settled = settle(pending, new AbortController().signal);
  reject(new Error("refused"));
  await expect(settled).rejects.toThrow("refused");
  expect(pending.abandoned).toBe(0);
});

test("an operation is abandoned when its call is over, before or meanwhile", async () => {
  for (const early of [true, false]) {
    const { pending } = newPending();
    const over = new AbortController();
    if (early) over.abort(new Error("over"));
    const settled = settle(pending, over.signal);
    if (!early) over.abort(new Error("over"));
    await expect(settled).rejects.toThrow("over");
    expect(pending.abandoned).toBe(1);
  }
});
