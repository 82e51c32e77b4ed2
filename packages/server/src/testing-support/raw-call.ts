import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from "node:http2";
import { http2Session } from "./wire.ts";

/** What is sent as a call, byte for byte. */
export interface RawCall {
  readonly path: string;
  /** The body in the pieces it is sent in. */
  readonly pieces: readonly Uint8Array[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The client does not end its side. Default false. */
  readonly unended?: boolean;
}

/** All there was on the stream of a call. */
export interface RawAnswer {
  /** Without the date. */
  readonly headers: readonly (readonly [string, unknown])[];
  readonly trailers: readonly (readonly [string, unknown])[];
  readonly body: string;
  readonly resetCode: number | undefined;
}

/** A call under way. */
export interface RawExchange {
  readonly answer: Promise<RawAnswer>;
  /** Settles when the server has seen all that was sent so far. */
  readonly seen: () => Promise<unknown>;
  readonly reset: () => void;
  /** Sends what an unended call lacked, and ends it. */
  readonly end: (piece: Uint8Array) => void;
}

/** Sends a call over a connection of its own. */
export function sendRaw(url: string, call: RawCall): RawExchange {
  const session = http2Session(url);
  const request = { ":method": "POST", ":path": call.path, ...call.headers };
  const stream = session.request(request, { endStream: false });
  stream.on("error", () => undefined);
  const written = call.pieces.map(
    (piece) => new Promise<void>((resolve) => stream.write(piece, () => resolve())),
  );
  if (!call.unended) stream.end();
  return {
    answer: answerOf(stream),
    seen: () => Promise.all(written).then(() => pinged(session)),
    reset: () => stream.close(constants.NGHTTP2_CANCEL),
    end: (piece) => void stream.end(piece),
  };
}

async function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const answer = { headers: [] as [string, unknown][], trailers: [] as [string, unknown][] };
  const chunks: Buffer[] = [];
  stream.on("response", (headers) => {
    answer.headers = Object.entries(headers).filter(([name]) => name !== "date");
  });
  stream.on("trailers", (trailers) => {
    answer.trailers = Object.entries(trailers);
  });
  stream.on("data", (chunk) => chunks.push(chunk));
  await once(stream, "close");
  const body = Buffer.concat(chunks).toString("latin1");
  return { ...answer, body, resetCode: stream.rstCode };
}

function pinged(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.ping(() => resolve()));
}
