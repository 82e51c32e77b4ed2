import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";

/** A call that any server answers. */
export const INFO = "/lockstep.v1.ServerService/GetServerInfo";
/** The end of a line in HTTP/1.1. */
export const CRLF = "\r\n";

/** That call over HTTP/1.1, after which the connection ends. */
export function http1Request(host: string, more: string[] = []): string {
  const lines = [`POST ${INFO} HTTP/1.1`, `Host: ${host}`, "Content-Type: application/json"];
  return [...lines, "Content-Length: 2", "Connection: close", ...more, "", "{}"].join(CRLF);
}

const open: { destroy(): void }[] = [];

/** A bare connection, on which a test says and hears what it wants. */
export class Wire {
  readonly socket: Socket;
  #heard = "";
  readonly closed: Promise<string>;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    open.push(this.socket);
    this.socket.on("data", (chunk) => {
      this.#heard += chunk.toString("latin1");
    });
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve(this.#heard)));
  }

  /** The types of the HTTP/2 frames heard. */
  heardFrames(): number[] {
    const bytes = Buffer.from(this.#heard, "latin1");
    const types: number[] = [];
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      types.push(bytes.readUInt8(at + 3));
    }
    return types;
  }

  say(text: string): void {
    this.socket.write(text, "latin1");
  }
}

/** Everything the server answers to these bytes. */
export async function answerTo(port: number, text: string): Promise<string> {
  const wire = new Wire(port);
  wire.say(text);
  return wire.closed;
}

/** A bare HTTP/2 connection, as Node's own client makes it. */
export function http2Session(url: string): ClientHttp2Session {
  const session = connectHttp2(url);
  session.on("error", () => undefined);
  open.push(session);
  return session;
}

/** Cuts the connections a test has left open. */
export function cutWires(): void {
  for (const connection of open.splice(0)) connection.destroy();
}

export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const GOAWAY = 7;
export const END_HEADERS = 4;

/** One HTTP/2 frame. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** POST over http, from the static table; path and authority as plain texts. */
export function requestHeaders(): Buffer {
  const plain = (nameIndex: number, value: string) =>
    Buffer.concat([Buffer.from([nameIndex, value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([0x83, 0x86]), plain(4, INFO), plain(1, "localhost")]);
}
