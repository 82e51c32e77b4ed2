import { describe, expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

const START = 1_700_000_000_000;

describe("a virtual clock", () => {
  test("stands still until it is advanced", async () => {
    const clock = new VirtualClock(START);
    expect([clock.monotonicMs(), clock.unixMs()]).toEqual([0, START]);
    await clock.advance(1_500);
    expect([clock.monotonicMs(), clock.unixMs()]).toEqual([1_500, START + 1_500]);
  });

  test("fires timers in order of their time, each at its time", async () => {
    const clock = new VirtualClock(START);
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.monotonicMs()}`);
    clock.after(20, note("b"));
    clock.after(10, note("a"));
    clock.after(20, note("c"));
    clock.after(31, note("never"));
    await clock.advance(30);
    expect(fired).toEqual(["a@10", "b@20", "c@20"]);
    expect(clock.nextTimerMs()).toBe(31);
  });

  test("fires what a timer starts, when it is due within the same advance", async () => {
    const clock = new VirtualClock(START);
    const fired: number[] = [];
    const tick = () => {
      fired.push(clock.monotonicMs());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    await clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
  });

  test("does not fire a cancelled timer", async () => {
    const clock = new VirtualClock(START);
    let fired = false;
    const timer = clock.after(10, () => {
      fired = true;
    });
    clock.after(10, () => timer.cancel()).cancel();
    timer.cancel();
    timer.cancel();
    await clock.advance(10);
    expect(fired).toBe(false);
    expect(clock.nextTimerMs()).toBeUndefined();
  });

  test("a timer without time is due at the next advance, not before", async () => {
    const clock = new VirtualClock(START);
    let fired = 0;
    clock.after(0, () => fired++);
    await clock.advance(0);
    expect(fired).toBe(0);
    await clock.advance(1);
    expect(fired).toBe(1);
  });

  test("waits for work that takes real time before time goes on", async () => {
    const clock = new VirtualClock(START);
    let working = false;
    let doneAt = -1;
    clock.after(10, () => {
      working = true;
      let turns = 50;
      const turn = () => {
        turns -= 1;
        if (turns > 0) clock.afterTurn(turn);
        else {
          doneAt = clock.monotonicMs();
          working = false;
        }
      };
      clock.afterTurn(turn);
    });
    const stop = clock.watchWork(() => working);
    await clock.advance(1_000);
    expect(doneAt).toBe(10);
    stop();
  });

  test("lets advances at the same time follow each other", async () => {
    const clock = new VirtualClock(START);
    await Promise.all([clock.advance(10), clock.advance(5)]);
    expect(clock.monotonicMs()).toBe(15);
  });
});
