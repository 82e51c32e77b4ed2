import { fork } from "node:child_process";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Duplex } from "node:stream";
import type { Contestant, Group, Sizes } from "./contestant.ts";

const MESSAGE_BYTES = 100;

/**
 * The floor under every reply over the network: a message there and back on an open HTTP/2 stream of
 * Node, between two processes, with nothing around it.
 */
export async function rawHttp2({ callers }: Sizes): Promise<Group> {
  const echo = fork(new URL("./echo-server.ts", import.meta.url), { stdio: "inherit" });
  const [port] = (await once(echo, "message")) as [number];
  const session = connect(`http://127.0.0.1:${port}`);
  return {
    version: `Node ${process.version}`,
    contestants: callers.map((count) => pingPong(session, count)),
    close: async () => {
      session.destroy();
      echo.kill();
      await once(echo, "exit");
    },
  };
}

function pingPong(session: ClientHttp2Session, callers: number): Contestant {
  const streams = new Map<number, Duplex>();
  const message = new Uint8Array(MESSAGE_BYTES);
  return {
    name: "raw HTTP/2 ping-pong",
    callers,
    contended: false,
    work: {
      cycle: async (caller) => {
        let stream = streams.get(caller);
        if (stream === undefined) {
          stream = session.request({ ":method": "POST" }, { endStream: false });
          streams.set(caller, stream);
        }
        stream.write(message);
        await messageOn(stream);
      },
    },
  };
}

function messageOn(stream: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = MESSAGE_BYTES;
    const onData = (chunk: Uint8Array) => {
      missing -= chunk.length;
      if (missing > 0) return;
      stream.off("data", onData);
      stream.off("error", reject);
      resolve();
    };
    stream.on("data", onData);
    stream.on("error", reject);
  });
}
