import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import type { JournalOpenProblem } from "../journal/journal.ts";
import { systemRandom } from "../ports/random.ts";
import { type DataFolder, openDataFolder } from "./data-folder.ts";

const places: string[] = [];
const opened: DataFolder[] = [];

afterEach(() => {
  for (const folder of opened.splice(0)) folder.close();
  for (const place of places.splice(0)) rmSync(place, { recursive: true });
});

test("a new folder is made with its parents, for its owner only, whatever the umask", () => {
  const umask = process.umask(0);
  const path = join(makePlace(), "a", "b");
  const folder = open(path);
  const namespace = folder.namespaceFolder("Orders/ü");
  process.umask(umask);
  expect(readdirSync(path).sort()).toEqual(["identity", "lock", "namespaces"]);
  expect(namespace).toBe(join(path, "namespaces", "%4frders%2f%c3%bc"));
  for (const made of [path, join(path, "namespaces"), namespace]) expect(modeOf(made)).toBe(0o700);
  for (const file of ["identity", "lock"]) expect(modeOf(join(path, file))).toBe(0o600);
});

test("a strict umask does not lock the owner out", () => {
  const umask = process.umask(0o777);
  const path = join(makePlace(), "data");
  open(path);
  process.umask(umask);
  expect(modeOf(path)).toBe(0o700);
  expect(modeOf(join(path, "identity"))).toBe(0o600);
});

test("a folder that exists keeps its mode", () => {
  const path = makePlace();
  chmodSync(path, 0o750);
  open(path);
  expect(modeOf(path)).toBe(0o750);
});

test("the cluster id is made once and stays", () => {
  const path = makePlace();
  const random = { ...systemRandom, uuid: () => "01234567-89ab-cdef-0123-456789abcdef" };
  const first = openDataFolder(path, random);
  expect(first.clusterId).toBe(random.uuid());
  first.close();
  expect(open(path).clusterId).toBe(random.uuid());
});

test("a namespace keeps its folder", () => {
  const folder = open(makePlace());
  const namespace = folder.namespaceFolder("default");
  writeFileSync(join(namespace, "file"), "");
  expect(folder.namespaceFolder("default")).toBe(namespace);
  expect(readdirSync(namespace)).toEqual(["file"]);
});

test("a folder is refused while it is open in the same process, and stays locked", async () => {
  const path = makePlace();
  const first = open(path);
  expectRefusal(path, "FOLDER_IN_USE", "in use by another server");
  // The refused attempt must not have dropped the lock, as closing a file of its own would.
  const other = await openElsewhere(path);
  expect(other.line).toContain("FOLDER_IN_USE");
  await other.ended;
  first.close();
  open(path);
});

test("a folder is refused while another process has it, and free after kill -9 [REC-45]", async () => {
  const path = makePlace();
  const other = await openElsewhere(path);
  expect(other.line).toMatch(/^opened [0-9a-f-]{36}$/);
  expectRefusal(path, "FOLDER_IN_USE", path);
  other.process.kill("SIGKILL");
  await other.ended;
  expect(other.line).toBe(`opened ${open(path).clusterId}`);
});

test.each<[JournalOpenProblem, string, string]>([
  [
    "NEWER_FORMAT",
    '{"format":2,"cluster_id":"01234567-89ab-cdef-0123-456789abcdef"}',
    "newer version",
  ],
  ["DAMAGED", '{"format":1,"cluster_id":"01234567"}', "restore that file"],
  ["DAMAGED", '{"format":"1","cluster_id":"01234567-89ab-cdef-0123-456789abcdef"}', "identity"],
  ["DAMAGED", "null", "identity"],
  ["DAMAGED", "", "identity"],
])("it is %s when the identity is %s [REC-44, REC-41]", (problem, identity, says) => {
  const path = makePlace();
  writeFileSync(join(path, "identity"), identity);
  expectRefusal(path, problem, says);
  expect(readFileSync(join(path, "identity"), "utf8")).toBe(identity);
  // A refused folder is let go.
  rmSync(join(path, "identity"));
  open(path);
});

test("a lock file that is something else is refused and not overwritten", () => {
  const path = makePlace();
  writeFileSync(join(path, "lock"), "not a database, but long enough to look at".repeat(10));
  expectRefusal(path, "DAMAGED", "remove that file");
});

test.each(["/proc/lockstep", "file/below", "identity-is-a-folder"])(
  "a folder that cannot be written is refused: %s",
  (where) => {
    const place = makePlace();
    writeFileSync(join(place, "file"), "");
    mkdirSync(join(place, "identity-is-a-folder", "identity"), { recursive: true });
    expectRefusal(where.startsWith("/") ? where : join(place, where), "NOT_WRITABLE", "writable");
  },
);

function makePlace(): string {
  const place = mkdtempSync(join(tmpdir(), "lockstep-folder-"));
  places.push(place);
  return place;
}

function open(path: string): DataFolder {
  const folder = openDataFolder(path, systemRandom);
  opened.push(folder);
  return folder;
}

function expectRefusal(path: string, problem: JournalOpenProblem, says: string): void {
  expect(() => open(path)).toThrow(
    expect.objectContaining({ problem, message: expect.stringContaining(says) }),
  );
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

/** Opens the folder in a process of its own, which keeps it until it is ended. */
async function openElsewhere(path: string) {
  const module = JSON.stringify(join(import.meta.dirname, "data-folder.ts"));
  const random = JSON.stringify(join(import.meta.dirname, "..", "ports", "random.ts"));
  const program = `
    import { openDataFolder } from ${module};
    import { systemRandom } from ${random};
    try {
      console.log("opened " + openDataFolder(process.argv[1], systemRandom).clusterId);
      process.stdin.resume();
    } catch (error) {
      console.log("refused " + error.problem);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const [line] = await once(createInterface(child.stdout), "line");
  return { process: child, ended, line: String(line) };
}
