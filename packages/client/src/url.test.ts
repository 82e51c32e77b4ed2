import { describe, expect, it } from "vitest";
import { urlOf } from "./url.ts";

describe("The URL of a server", () => {
  it.each([
    [{}, "http://127.0.0.1:7420"],
    [{ address: "db.example:9000" }, "http://db.example:9000"],
    [{ address: "[::1]:9000" }, "http://[::1]:9000"],
    [{ url: "https://db.example" }, "https://db.example"],
    [{ url: "http://db.example:80" }, "http://db.example"],
  ])("of %j is %s", (options, url) => {
    expect(urlOf(options)).toBe(url);
  });

  it.each([
    ["db.example", "http://db.example:7420"],
    ["127.0.0.1", "http://127.0.0.1:7420"],
    ["[::1]", "http://[::1]:7420"],
    ["db.example:80", "http://db.example"],
  ])("of the address %s has the port that was given, else the server's own", (address, url) => {
    expect(urlOf({ address })).toBe(url);
  });

  it.each([
    [{ address: "a:1", url: "http://a:1" }, "not both"],
    [{ address: "a b" }, "not where a server can be"],
    [{ address: "::1" }, "not where a server can be"],
    [{ address: "a:99999" }, "not where a server can be"],
    [{ url: "ftp://a" }, "not where a server can be"],
    [{ url: "http://a/path" }, "not where a server can be"],
  ])("cannot be made of %j", (options, problem) => {
    expect(() => urlOf(options)).toThrow(problem);
  });
});
