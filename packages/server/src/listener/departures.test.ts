import { expect, test } from "vitest";
import { Departures } from "./departures.ts";

test("when thousands go at once few are told in a turn, all in their order, and a lone one at once", () => {
  const turns: (() => void)[] = [];
  const departures = new Departures({ afterTurn: (fn) => void turns.push(fn) });
  const told: number[] = [];
  for (let at = 0; at < 1_000; at++) departures.add(() => told.push(at));
  const perTurn = [told.length];
  while (turns.length > 0) {
    const before = told.length;
    expect(turns).toHaveLength(1);
    const [turn] = turns.splice(0);
    turn?.();
    perTurn.push(told.length - before);
  }
  expect(told).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
  expect(Math.max(...perTurn)).toBeLessThan(100);
  departures.add(() => told.push(1_000));
  expect(told.at(-1)).toBe(1_000);
});

test("when more go in each turn than are told at first, those that wait become no more and no more", () => {
  const turns: (() => void)[] = [];
  const departures = new Departures({ afterTurn: (fn) => void turns.push(fn) });
  let [gone, told, most] = [0, 0, 0];
  for (let turn = 0; turn < 1_000; turn++) {
    for (let at = 0; at < 100; at++) {
      gone += 1;
      departures.add(() => {
        told += 1;
      });
    }
    for (const fn of turns.splice(0)) fn();
    most = Math.max(most, gone - told);
  }
  expect(most).toBeLessThan(2_000);
});
