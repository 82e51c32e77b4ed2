import type { Socket } from "node:net";
import type { Clock } from "../ports/clock.ts";

/** What an HTTP/2 connection without TLS starts with. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** How long a connection may take to show which protocol it speaks. */
const FIRST_BYTES_WITHIN_MS = 5_000;

/** The protocols one port speaks. */
export type HttpVersion = "http1" | "http2";

/**
 * Looks at the first bytes of a connection and calls `decided` with the protocol it speaks, all bytes
 * unread again. At most the 24 bytes of the HTTP/2 preface are waited for, at most 5 s: a connection
 * that shows less by then is cut.
 */
export function lookAtFirstBytes(
  socket: Socket,
  clock: Clock,
  decided: (version: HttpVersion) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const stop = () => {
    timer.cancel();
    socket.off("data", onData);
    socket.off("error", cut);
    socket.off("end", cut);
    socket.off("close", stop);
  };
  const cut = () => {
    stop();
    socket.destroy();
  };
  const timer = clock.after(FIRST_BYTES_WITHIN_MS, cut);
  const onData = (chunk: Buffer) => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const version = versionOf(seen);
    if (version === undefined) return;
    stop();
    socket.pause();
    socket.unshift(seen);
    decided(version);
  };
  socket.on("data", onData);
  socket.on("error", cut);
  socket.on("end", cut);
  socket.on("close", stop);
}

/** Undefined while the bytes may still become the HTTP/2 preface. */
function versionOf(seen: Buffer): HttpVersion | undefined {
  const common = Math.min(seen.length, PREFACE.length);
  if (!seen.subarray(0, common).equals(PREFACE.subarray(0, common))) return "http1";
  return seen.length >= PREFACE.length ? "http2" : undefined;
}
