import { expect, test } from "vitest";
import { EndingSignals, passSignals } from "./signals.ts";

test("a command that goes on is looked at before it goes on, and hears what is not about its end", () => {
  const seen: string[] = [];
  const stop = passSignals({
    signal: (name) => seen.push(name),
    awake: () => seen.push("looked"),
  });
  process.emit("SIGCONT", "SIGCONT");
  process.emit("SIGWINCH", "SIGWINCH");
  process.emit("SIGUSR2", "SIGUSR2");
  stop();
  process.emit("SIGWINCH", "SIGWINCH");
  expect(seen).toEqual(["looked", "SIGCONT", "SIGWINCH", "SIGUSR2"]);
});

test("signals that ask for the end reach one handler after the other, and somebody always listens", () => {
  const seen: string[] = [];
  const before = process.listenerCount("SIGQUIT");
  const signals = new EndingSignals((signal) => seen.push(`first ${signal}`));
  process.emit("SIGQUIT", "SIGQUIT");
  signals.handOver((signal) => seen.push(`second ${signal}`));
  expect(process.listenerCount("SIGQUIT")).toBe(before + 1);
  process.emit("SIGQUIT", "SIGQUIT");
  signals.close();
  expect(process.listenerCount("SIGQUIT")).toBe(before);
  expect(seen).toEqual(["first SIGQUIT", "second SIGQUIT"]);
});
