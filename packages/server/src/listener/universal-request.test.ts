import { EventEmitter } from "node:events";
import { createContextValues } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Departures } from "./departures.ts";
import { universalRequest } from "./universal-request.ts";

function made(request: object, departures = new Departures({ afterTurn: () => {} })) {
  const node = Object.assign(new EventEmitter(), { headers: {}, ...request });
  const response = new EventEmitter();
  const all = [node, response, "localhost:1", createContextValues(), departures] as const;
  return {
    node,
    response,
    universal: universalRequest(...(all as never as Parameters<typeof universalRequest>)),
  };
}

describe("universalRequest", () => {
  it("aborts over HTTP/2 when the request closes", () => {
    const { node, universal } = made({ stream: {} });
    expect(universal.signal.aborted).toBe(false);
    node.emit("close");
    expect(universal.signal.aborted).toBe(true);
  });

  it("aborts over HTTP/1.1 when the response closes, and not when the request has been read", () => {
    const { node, response, universal } = made({});
    node.emit("close");
    expect(universal.signal.aborted).toBe(false);
    response.emit("close");
    expect(universal.signal.aborted).toBe(true);
  });

  it("aborts at once when it was answered, however many others go", () => {
    const later: (() => void)[] = [];
    const departures = new Departures({ afterTurn: (fn) => void later.push(fn) });
    const all = [true, false].flatMap((writableFinished) =>
      Array.from({ length: 100 }, () => made({ stream: { writableFinished } }, departures)),
    );
    for (const { node } of all.toReversed()) node.emit("close");
    const aborted = all.map(({ universal }) => universal.signal.aborted);
    expect(aborted.slice(0, 100)).toEqual(Array(100).fill(true));
    expect(aborted.slice(100)).toContain(false);
  });

  it("has the headers but those of HTTP/2 itself, and an absolute URL", () => {
    const headers = { ":path": "/a?b=c", "content-type": "application/json", "x-many": ["1", "2"] };
    const { universal } = made({ headers, url: "/a?b=c", stream: {} });
    expect([...universal.header]).toEqual([
      ["content-type", "application/json"],
      ["x-many", "1, 2"],
    ]);
    expect(universal.url).toBe("http://localhost:1/a?b=c");
    expect(made({ url: "http://localhost:1/d" }).universal.url).toBe("http://localhost:1/d");
  });
});
