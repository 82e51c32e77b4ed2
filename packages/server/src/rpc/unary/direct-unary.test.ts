import { DEFAULT_LIMITS, enveloped, type Limits } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type RawAnswer, type RawExchange, sendRaw } from "../../testing-support/raw-call.ts";
import {
  acquireOf,
  lockClient,
  openSession,
  type TestServer,
  testServers,
  transportTo,
} from "../../testing-support/test-server.ts";
import {
  acquiring,
  calling,
  framed,
  good,
  INFO_METHOD,
  type Making,
  odd,
  pathOf,
  refused,
  timed,
  WAIT,
} from "../../testing-support/unary-calls.ts";
import { cutWires } from "../../testing-support/wire.ts";
import { DirectUnary } from "./direct-unary.ts";

/** A content type that goes past the library, and the same in letters that only the library reads. */
const protocols = [
  ["application/proto", "application/PROTO"],
  ["application/grpc", "application/grpc+PROTO"],
  ["application/grpc+proto", "application/grpc+PROTO"],
] as const;

const startServer = testServers();
const answers = vi.spyOn(DirectUnary.prototype, "answer");
beforeEach(() => void answers.mockClear());
afterEach(cutWires);

/** What else happens while the call is under way. */
type Meanwhile = (server: TestServer, exchange: RawExchange) => Promise<unknown>;

interface Outcome extends RawAnswer {
  readonly log: readonly string[];
}

async function outcomeOf(
  contentType: string,
  make: Making,
  meanwhile: Meanwhile,
  limits: Partial<Limits>,
): Promise<Outcome> {
  const running = await startServer({ limits: { ...DEFAULT_LIMITS, ...limits } });
  const transport = transportTo(running.server.url, "connect-json");
  const session = await openSession(transport);
  await lockClient(transport).acquire({ ...acquireOf("held", 1n), session });
  const before = running.log.length;
  const call = make(session, contentType.startsWith("application/grpc"));
  const headers = { ...call.headers, "content-type": contentType };
  const exchange = sendRaw(running.server.url, { ...call, headers });
  await meanwhile(running, exchange);
  const answer = await exchange.answer;
  await expect.poll(() => running.log.length).toBeGreaterThan(before);
  const log = running.log.slice(before).filter((line) => line.includes('"rpc":'));
  return { ...answer, log };
}

const nothing = async () => undefined;

/** Sends it both ways, and expects the same of both. Gives what that was. */
async function same(
  [direct, library]: readonly [string, string],
  make: Making,
  meanwhile: Meanwhile = nothing,
  limits: Partial<Limits> = {},
): Promise<Outcome> {
  const past = await outcomeOf(direct, make, meanwhile, limits);
  const wentPast = answers.mock.calls.length;
  const through = await outcomeOf(library, make, meanwhile, limits);
  expect(past).toEqual(through);
  expect(answers).toHaveBeenCalledTimes(wentPast);
  return past;
}

const anError = (outcome: Outcome) =>
  outcome.headers.some(([name, value]) => name === ":status" && value !== 200) ||
  outcome.trailers.some(([name, value]) => name === "grpc-status" && value !== "0");

describe.each(protocols)("a call in %s, as through the library in %s", (...types) => {
  test.each(good)("%s is answered", async (_, make) => {
    const outcome = await same(types, make);
    expect([anError(outcome), answers.mock.calls.length]).toEqual([false, 1]);
  });

  test.each(refused)("is refused for %s [GEN-82]", async (_, make) => {
    expect(anError(await same(types, make))).toBe(true);
  });

  test("is refused when it becomes too large unannounced, before its end [GEN-50]", async () => {
    const large: Making = (_, isGrpc) => ({
      path: pathOf(INFO_METHOD),
      pieces: [framed(new Uint8Array(900), isGrpc), new Uint8Array(900)],
      unended: true,
    });
    const outcome = await same(types, large, nothing, { max_request_bytes: 1_000 });
    expect(anError(outcome)).toBe(true);
  });

  test("is refused when its reply is too large", async () => {
    const outcome = await same(types, calling(INFO_METHOD), nothing, { max_response_bytes: 400 });
    expect(anError(outcome)).toBe(true);
  });

  test("is refused when too much is under way [GEN-51]", async () => {
    const outcome = await same(types, acquiring("k".repeat(300)), nothing, {
      max_in_flight_bytes: 250,
    });
    expect(anError(outcome)).toBe(true);
  });

  test("ends when its time passes while it waits", async () => {
    const waits: Making = (session, isGrpc) =>
      acquiring("held", WAIT, timed(isGrpc ? "1S" : "1000"))(session, isGrpc);
    const outcome = await same(types, waits, async (server) => {
      await waiting(server);
      await server.clock.advance(1_000);
    });
    expect(anError(outcome)).toBe(true);
  });

  test("ends when its time passes while its body comes", async () => {
    const begun: Making = (session, isGrpc) => ({
      ...acquiring("free", {}, timed(isGrpc ? "1S" : "1000"))(session, isGrpc),
      pieces: [Uint8Array.of(0, 0, 0)],
      unended: true,
    });
    const outcome = await same(types, begun, async ({ clock }, exchange) => {
      await exchange.seen();
      await clock.advance(1_000);
    });
    expect(anError(outcome)).toBe(true);
  });

  test("is queued when its poll ends", async () => {
    const polls = acquiring("held", { ...WAIT, pollTimeoutMs: 500n });
    const outcome = await same(types, polls, async (server) => {
      await waiting(server);
      await server.clock.advance(500);
    });
    expect(anError(outcome)).toBe(false);
  });

  test.each([
    ["while it waits", acquiring("held", WAIT), waiting],
    [
      "before its body has ended",
      ((session, isGrpc) => ({ ...acquiring("held")(session, isGrpc), unended: true })) as Making,
      nothing,
    ],
  ])("is given up when its client resets it %s", async (_, make, until) => {
    const { log } = await same(types, make, async (server, exchange) => {
      await exchange.seen();
      await until(server);
      await exchange.seen();
      exchange.reset();
    });
    expect(log.join()).toContain("Canceled");
  });
});

describe.each(protocols.slice(1))("a call in %s, as through the library in %s", (...types) => {
  test.each(odd)("may hold %s", async (_, make) => {
    await same(types, make);
  });

  test("is read on by the library where it turns out to be none for the other way", async () => {
    const [begin, rest] = [Uint8Array.of(1, 0, 0, 0, 2, 1), Uint8Array.of(2)];
    const begun: Making = () => ({ path: pathOf(INFO_METHOD), pieces: [begin], unended: true });
    const { trailers } = await same(types, begun, async (_, exchange) => {
      await exchange.seen();
      exchange.end(rest);
    });
    expect(new Map(trailers).get("grpc-message")).toMatch(/compressed/);
  });

  test("counts no byte twice for what the library has to read [GEN-51]", async () => {
    const message = new Uint8Array(300);
    const flagged: Making = () => ({
      path: pathOf(INFO_METHOD),
      pieces: [enveloped({ flags: 1, message })],
    });
    const { trailers } = await same(types, flagged, nothing, { max_in_flight_bytes: 500 });
    expect(new Map(trailers).get("grpc-message")).toMatch(/compressed/);
  });

  test("is refused for an envelope that is too large before it has come", async () => {
    const begun: Making = () => ({
      path: pathOf(INFO_METHOD),
      pieces: [Uint8Array.of(0, 255, 255, 255, 255, 1)],
      unended: true,
    });
    expect(anError(await same(types, begun))).toBe(true);
  });
});

async function waiting({ namespace }: TestServer): Promise<void> {
  await expect.poll(() => namespace.info().counters?.waiters).toBe(1n);
}
