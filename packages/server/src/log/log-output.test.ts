import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { VirtualClock } from "../ports/virtual-clock.ts";
import { LOG_WAITING_BYTES_MAX, LogOutput } from "./log-output.ts";

test("lines are written in order, those that wait together", async () => {
  const { output, text } = logFile();
  const lines = Array.from({ length: 100 }, (_, number) => `line ${number}\n`);
  for (const line of lines) output.write(line);
  await vi.waitFor(() => expect(text()).toBe(lines.join("")));
});

test("what still waits is written at once at the end of the process", async () => {
  const { output, text } = logFile();
  output.write("under way\n");
  output.write("waits\n");
  output.flush();
  expect(text()).toContain("waits\n");
  await vi.waitFor(() => expect(text()).toHaveLength("under way\nwaits\n".length));
});

test("lines are dropped when too much waits", async () => {
  const { output, text } = logFile();
  output.write("under way\n");
  output.write("x".repeat(LOG_WAITING_BYTES_MAX));
  output.write("dropped\n");
  await vi.waitFor(() => expect(text()).toMatch(/x$/));
  output.write("later\n");
  await vi.waitFor(() => expect(text()).toMatch(/xlater\n$/));
  expect(text()).not.toContain("dropped");
});

test("what cannot be written is dropped, and the end of the process does not wait for it", async () => {
  const { output } = logFile("/dev/full");
  output.write("no space\n");
  output.write("waits\n");
  output.flush();
  output.write("later\n");
  output.flush();
});

/** Output to a file that goes with the test. */
function logFile(path?: string): { output: LogOutput; text: () => string } {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-log-"));
  const file = path ?? join(folder, "log");
  const descriptor = openSync(file, "a");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const output = new LogOutput(descriptor, new VirtualClock(0));
  return { output, text: () => readFileSync(file, "utf8") };
}
