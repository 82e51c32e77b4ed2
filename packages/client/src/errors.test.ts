import { describe, expect, test } from "vitest";
import * as errors from "./errors.ts";

// What an application gets that loads the ESM and the CommonJS build: the same code, evaluated twice.
const copyPath = "./errors.ts?another-copy";
const copy: typeof errors = await import(/* @vite-ignore */ copyPath);

const made = (from: typeof errors): Error[] => [
  new from.NotGrantedError("a", "CONTENDED"),
  new from.LockLostError("a", "DEADLINE_PASSED", 1n),
  new from.LockReleasedError("a", 1n),
  new from.SessionLostError("SESSION_EXPIRED"),
  new from.ClientClosedError(),
  new from.RequestError("INTERNAL", "INTERNAL", "broken"),
  new from.ServerUnreachableError("http://127.0.0.1:1"),
];

describe("errors", () => {
  test("of another copy of the package are other classes", () => {
    expect(copy.LockLostError).not.toBe(errors.LockLostError);
  });

  test.each(made(copy).map((error) => [error.name, error] as const))(
    "of another copy are recognised: %s",
    (name, error) => {
      const { [name as "LockLostError"]: own } = errors;
      expect(error).toBeInstanceOf(own);
      expect(error).toBeInstanceOf(errors.LockstepError);
      expect(error).toBeInstanceOf(Error);
    },
  );

  test("are recognised as nothing but what they are", () => {
    const [notGranted, lost] = made(errors);
    expect(notGranted).not.toBeInstanceOf(errors.LockLostError);
    expect(lost).not.toBeInstanceOf(errors.NotGrantedError);
    for (const other of [new Error("plain"), null, undefined, "text", {}]) {
      expect(other instanceof errors.LockstepError).toBe(false);
    }
  });

  test("tell what a server that cannot be reached did in one line", () => {
    // As TLS words it when the server speaks plain HTTP.
    const { message } = new errors.ServerUnreachableError("https://a:1", {
      cause: new Error("wrong version number\n"),
    });
    expect(message).toMatch(/ \(wrong version number\)\. Check the address/);
  });

  test("derived by an application are told apart from ours", () => {
    class Mine extends errors.LockLostError {}
    const mine = new Mine("a", "UNKNOWN", 1n);
    expect(mine).toBeInstanceOf(Mine);
    expect(mine).toBeInstanceOf(errors.LockLostError);
    expect(new errors.LockLostError("a", "UNKNOWN", 1n)).not.toBeInstanceOf(Mine);
  });
});
