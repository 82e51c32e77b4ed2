import { describe, expect, test } from "vitest";
import { TestTime } from "./test-time.ts";

describe("the time of a test", () => {
  test("stands still until it is advanced, and then for everybody alike", async () => {
    const time = new TestTime(5_000);
    await time.advance(0);
    expect(time.elapsedMs).toBe(0);
    await time.advance(250);
    for (const clock of [time.client().clientClock(), time.server.serverClock()]) {
      expect([clock.monotonicMs(), clock.unixMs()]).toEqual([250, 5_250]);
    }
  });

  test("fires timers in the order in which they are due, at their moment, clients first", async () => {
    const time = new TestTime(0);
    const clientClock = time.client().clientClock();
    const fired: string[] = [];
    const note = (what: string) => () => fired.push(`${what} at ${time.elapsedMs}`);
    time.server.serverClock().after(20, note("server"));
    time.server.serverClock().after(10, note("server"));
    clientClock.after(20, note("first client"));
    clientClock.after(20, note("second client"));
    clientClock.after(30.2, note("late client"));
    await time.advance(30);
    expect(fired).toEqual([
      "server at 10",
      "first client at 20",
      "second client at 20",
      "server at 20",
    ]);
    await time.advance(1);
    expect(fired.at(-1)).toBe("late client at 31");
  });

  test("lets what a client starts come to rest before the server's timer of the same moment", async () => {
    const time = new TestTime(0);
    const clientClock = time.client().clientClock();
    const fired: string[] = [];
    time.server.serverClock().after(10, () => fired.push("server"));
    clientClock.after(10, async () => {
      for (let turn = 0; turn < 50; turn++) {
        await new Promise<void>((resolve) => clientClock.afterTurn(resolve));
      }
      fired.push("client");
    });
    await time.advance(10);
    expect(fired).toEqual(["client", "server"]);
  });

  test("needs no time for what a client wants at once", async () => {
    const time = new TestTime(0);
    const clientClock = time.client().clientClock();
    const fired: string[] = [];
    clientClock.after(0, () => fired.push("wanted"));
    clientClock.after(0, () => fired.push("unwanted")).cancel();
    time.server.serverClock().after(0, () => fired.push("server"));
    await time.advance(0);
    expect(fired).toEqual(["wanted"]);
    await time.advance(1);
    expect(fired).toEqual(["wanted", "server"]);
  });

  test("does not fire what was cancelled, also by a timer of the same moment", async () => {
    const time = new TestTime(0);
    const clientClock = time.client().clientClock();
    const fired: string[] = [];
    clientClock.after(5, () => second.cancel());
    const second = clientClock.after(5, () => fired.push("second"));
    await time.advance(10);
    expect(fired).toEqual([]);
  });

  test("goes on in the order of the calls", async () => {
    const time = new TestTime(0);
    const at: number[] = [];
    time.server.serverClock().after(15, () => at.push(time.elapsedMs));
    await Promise.all([time.advance(10), time.advance(10)]);
    expect([...at, time.elapsedMs]).toEqual([15, 20]);
  });

  test("passes for a process whose clocks run faster than the others'", async () => {
    const time = new TestTime(5_000);
    const fast = time.client(2).clientClock();
    const fired: number[] = [];
    fast.after(100, () => fired.push(time.elapsedMs));
    await time.advance(60);
    expect(fired).toEqual([50]);
    expect([fast.monotonicMs(), fast.unixMs()]).toEqual([120, 5_120]);
  });

  test("fires what is overdue when a process goes on that stood still", async () => {
    const time = new TestTime(0);
    const fired: string[] = [];
    const process = time.client();
    process.clientClock().after(10, () => fired.push(`paused at ${time.elapsedMs}`));
    time
      .client()
      .clientClock()
      .after(20, () => fired.push(`other at ${time.elapsedMs}`));
    process.pause(false);
    process.pause(false);
    await time.advance(30);
    expect(process.clientClock().monotonicMs()).toBe(30);
    process.resume();
    process.resume();
    expect(fired).toEqual(["other at 20", "paused at 30"]);
  });

  test("stands still for the timers of a machine that sleeps, not for its wall clock", async () => {
    const time = new TestTime(0);
    const fired: number[] = [];
    const process = time.client();
    const clock = process.clientClock();
    process.pause(true);
    await time.advance(5);
    expect([clock.monotonicMs(), clock.unixMs()]).toEqual([0, 5]);
    process.resume();
    clock.after(10, () => fired.push(time.elapsedMs));
    process.pause(true);
    await time.advance(100);
    clock.after(10, () => fired.push(time.elapsedMs));
    process.resume();
    await time.advance(20);
    expect(fired).toEqual([115, 115]);
    expect([clock.monotonicMs(), clock.unixMs()]).toEqual([20, 125]);
  });

  test("is counted as a stall by a server that stood still", async () => {
    const time = new TestTime(0);
    const clock = time.server.serverClock();
    for (const ms of [30, 20]) {
      time.server.pause(false);
      await time.advance(ms);
      time.server.resume();
    }
    expect(clock.stalls()).toEqual({ totalMs: 50, maxMs: 30 });
  });

  test("says so when something goes in a circle", async () => {
    const time = new TestTime(0);
    const clientClock = time.client().clientClock();
    let going = true;
    const again = () => {
      if (going) clientClock.after(0, again);
    };
    again();
    await expect(time.advance(0)).rejects.toThrow("never comes to rest");
    going = false;
  });
});
