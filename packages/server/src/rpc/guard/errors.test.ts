import { connect as connectHttp2 } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { ErrorReason, errorDetailOf } from "@lockstep/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../../testing-support/test-server.ts";

let running: TestServer;
beforeAll(async () => {
  running = await startTestServer();
});
afterAll(() => running.close());

type Wire = "connect" | "grpc" | "grpc-web";
type Format = "json" | "proto";

interface Call {
  readonly method?: string;
  readonly body: Uint8Array;
  readonly headers?: Record<string, string>;
}

const METHOD = "lockstep.v1.LockService/GetLock";
const text = (json: string) => new TextEncoder().encode(json);

/** Sends bytes as they are, and reads the error the way a client of this protocol does. */
async function errorOf(wire: Wire, format: Format, call: Call): Promise<ConnectError> {
  const contentType =
    wire === "connect" ? `application/${format}` : `application/${wire}+${format}`;
  const reply = await http2Post(`/${call.method ?? METHOD}`, call.body, {
    "content-type": contentType,
    ...call.headers,
  });
  const error = readError(wire, reply);
  if (error === undefined) throw new Error("the call was answered without an error");
  return error;
}

interface Reply {
  readonly body: Buffer;
  readonly trailers: Headers;
}

function readError(wire: Wire, { body, trailers }: Reply): ConnectError | undefined {
  if (wire === "connect") {
    return errorFromJsonBytes(body, undefined, new ConnectError("no error in the body"));
  }
  if (wire === "grpc") return findTrailerError(trailers);
  return body[0] === trailerFlag ? findTrailerError(trailerParse(body.subarray(5))) : undefined;
}

function http2Post(path: string, body: Uint8Array, headers: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(running.server.url);
    session.on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    const chunks: Buffer[] = [];
    const trailers = new Headers();
    const note = (given: object) => {
      for (const [name, value] of Object.entries(given)) {
        if (!name.startsWith(":")) trailers.set(name, String(value));
      }
    };
    stream.on("response", note);
    stream.on("trailers", note);
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      resolve({ body: Buffer.concat(chunks), trailers });
      session.close();
    });
    stream.end(body);
  });
}

/** The bytes of one message in this protocol. */
function message(wire: Wire, bytes: Uint8Array): Uint8Array {
  return wire === "connect" ? bytes : encodeEnvelope(0, bytes);
}

const wires = ["connect", "grpc", "grpc-web"] as const;

interface Case {
  readonly name: string;
  readonly code: Code;
  readonly reason: keyof typeof ErrorReason;
  readonly format: Format;
  call(wire: Wire): Call;
}

const cases: Case[] = [
  {
    name: "a message that is no JSON",
    code: Code.InvalidArgument,
    reason: "MALFORMED",
    format: "json",
    call: (wire) => ({ body: message(wire, text('{"namespace":')) }),
  },
  {
    name: "JSON that is not UTF-8",
    code: Code.InvalidArgument,
    reason: "MALFORMED",
    format: "json",
    call: (wire) => ({
      body: message(wire, Buffer.from('{"namespace":"default","key":"\u00e9"}', "latin1")),
    }),
  },
  {
    name: "an unknown JSON field",
    code: Code.InvalidArgument,
    reason: "MALFORMED",
    format: "json",
    call: (wire) => ({ body: message(wire, text('{"namespace":"default","key":"k","x":1}')) }),
  },
  {
    name: "bytes that are no message",
    code: Code.InvalidArgument,
    reason: "MALFORMED",
    format: "proto",
    call: (wire) => ({ body: message(wire, new Uint8Array([0x0a, 0x7f, 0x01])) }),
  },
  {
    name: "a message that is too large",
    code: Code.ResourceExhausted,
    reason: "MESSAGE_TOO_LARGE",
    format: "json",
    call: (wire) => ({ body: message(wire, new Uint8Array(2 * 1024 * 1024 + 1)) }),
  },
  {
    name: "a message that announces itself as too large",
    code: Code.ResourceExhausted,
    reason: "MESSAGE_TOO_LARGE",
    format: "json",
    call: (wire) => {
      const body = message(wire, new Uint8Array(2 * 1024 * 1024 + 1));
      return { body, headers: { "content-length": String(body.byteLength) } };
    },
  },
  {
    name: "an unknown method",
    code: Code.Unimplemented,
    reason: "UNIMPLEMENTED",
    format: "json",
    call: (wire) => ({ method: "lockstep.v1.LockService/Nope", body: message(wire, text("{}")) }),
  },
  {
    name: "an unknown service",
    code: Code.Unimplemented,
    reason: "UNIMPLEMENTED",
    format: "proto",
    call: (wire) => ({ method: "lockstep.v9.Nope/Nope", body: message(wire, new Uint8Array()) }),
  },
  {
    name: "a compression the server does not have",
    code: Code.Unimplemented,
    reason: "UNIMPLEMENTED",
    format: "json",
    call: (wire) => ({
      body: message(wire, text("{}")),
      headers: { [wire === "connect" ? "content-encoding" : "grpc-encoding"]: "gzip" },
    }),
  },
  {
    name: "a timeout that is none",
    code: Code.InvalidArgument,
    reason: "MALFORMED",
    format: "json",
    call: (wire) => ({
      body: message(wire, text("{}")),
      headers: { [wire === "connect" ? "connect-timeout-ms" : "grpc-timeout"]: "soon" },
    }),
  },
  {
    name: "a timeout above max_deadline_ms",
    code: Code.ResourceExhausted,
    reason: "LIMIT_EXCEEDED",
    format: "json",
    call: (wire) => ({
      body: message(wire, text("{}")),
      headers: wire === "connect" ? { "connect-timeout-ms": "120002" } : { "grpc-timeout": "121S" },
    }),
  },
  {
    name: "a field that breaks a rule",
    code: Code.InvalidArgument,
    reason: "INVALID_FIELD",
    format: "json",
    call: (wire) => ({ body: message(wire, text('{"namespace":"default"}')) }),
  },
];

describe.each(wires)("over %s", (wire) => {
  test.each(cases)(
    "$name is refused with $reason and changes nothing [GEN-81, GEN-82, GEN-45, GEN-52]",
    async (given) => {
      const error = await errorOf(wire, given.format, given.call(wire));
      expect(Code[error.code]).toBe(Code[given.code]);
      expect(error.details).toHaveLength(1);
      expect(ErrorReason[errorDetailOf(error)?.reason ?? 0]).toBe(given.reason);
      expect(running.submitted).toEqual([]);
    },
  );
});

describe("a stream over connect", () => {
  const watch = "lockstep.v1.LockService/Watch";
  const errorIn = async (body: Uint8Array, method = watch) => {
    const reply = await http2Post(`/${method}`, body, {
      "content-type": "application/connect+json",
    });
    const { error } = JSON.parse(reply.body.subarray(5).toString());
    return errorFromJsonBytes(text(JSON.stringify(error)), undefined, new ConnectError("none"));
  };

  test.each([
    ["a message that is no JSON", encodeEnvelope(0, text("{")), "MALFORMED"],
    [
      "JSON that is not UTF-8",
      encodeEnvelope(0, Buffer.from('{"x":"\u00e9"}', "latin1")),
      "MALFORMED",
    ],
    ["a body that ends too early", encodeEnvelope(0, text("{}")).subarray(0, 6), "MALFORMED"],
    ["a field that breaks a rule", encodeEnvelope(0, text("{}")), "INVALID_FIELD"],
  ])("refuses %s [GEN-81, GEN-45]", async (_, body, reason) => {
    const error = await errorIn(body);
    expect(ErrorReason[errorDetailOf(error)?.reason ?? 0]).toBe(reason);
    expect(error.details).toHaveLength(1);
  });

  test("refuses an unknown method [GEN-81]", async () => {
    const error = await errorIn(encodeEnvelope(0, text("{}")), "lockstep.v1.LockService/Nope");
    expect(ErrorReason[errorDetailOf(error)?.reason ?? 0]).toBe("UNIMPLEMENTED");
  });
});

test("a body that ends too early is refused over gRPC [GEN-45]", async () => {
  const body = encodeEnvelope(0, text('{"namespace":"default","key":"k"}')).subarray(0, 12);
  const error = await errorOf("grpc", "json", { body });
  expect(ErrorReason[errorDetailOf(error)?.reason ?? 0]).toBe("MALFORMED");
});
