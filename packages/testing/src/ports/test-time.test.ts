import { describe, expect, test } from "vitest";
import { TestTime } from "./test-time.ts";

describe("the time of a test", () => {
  test("stands still until it is advanced, and then for everybody alike", async () => {
    const time = new TestTime(5_000);
    await time.advance(0);
    expect(time.elapsedMs).toBe(0);
    await time.advance(250);
    for (const clock of [time.clientClock, time.serverClock]) {
      expect([clock.monotonicMs(), clock.unixMs()]).toEqual([250, 5_250]);
    }
  });

  test("fires timers in the order in which they are due, at their moment, clients first", async () => {
    const time = new TestTime(0);
    const fired: string[] = [];
    const note = (what: string) => () => fired.push(`${what} at ${time.elapsedMs}`);
    time.serverClock.after(20, note("server"));
    time.serverClock.after(10, note("server"));
    time.clientClock.after(20, note("first client"));
    time.clientClock.after(20, note("second client"));
    time.clientClock.after(30.2, note("late client"));
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
    const fired: string[] = [];
    time.serverClock.after(10, () => fired.push("server"));
    time.clientClock.after(10, async () => {
      for (let turn = 0; turn < 50; turn++) {
        await new Promise<void>((resolve) => time.clientClock.afterTurn(resolve));
      }
      fired.push("client");
    });
    await time.advance(10);
    expect(fired).toEqual(["client", "server"]);
  });

  test("needs no time for what a client wants at once", async () => {
    const time = new TestTime(0);
    const fired: string[] = [];
    time.clientClock.after(0, () => fired.push("wanted"));
    time.clientClock.after(0, () => fired.push("unwanted")).cancel();
    time.serverClock.after(0, () => fired.push("server"));
    await time.advance(0);
    expect(fired).toEqual(["wanted"]);
    await time.advance(1);
    expect(fired).toEqual(["wanted", "server"]);
  });

  test("does not fire what was cancelled, also by a timer of the same moment", async () => {
    const time = new TestTime(0);
    const fired: string[] = [];
    time.clientClock.after(5, () => second.cancel());
    const second = time.clientClock.after(5, () => fired.push("second"));
    await time.advance(10);
    expect(fired).toEqual([]);
  });

  test("goes on in the order of the calls", async () => {
    const time = new TestTime(0);
    const at: number[] = [];
    time.serverClock.after(15, () => at.push(time.elapsedMs));
    await Promise.all([time.advance(10), time.advance(10)]);
    expect([...at, time.elapsedMs]).toEqual([15, 20]);
  });

  test("says so when something goes in a circle", async () => {
    const time = new TestTime(0);
    let going = true;
    const again = () => {
      if (going) time.clientClock.after(0, again);
    };
    again();
    await expect(time.advance(0)).rejects.toThrow("never comes to rest");
    going = false;
  });
});
