import { createServer } from "node:net";

// Below the ports that the system hands out by itself. A client that keeps calling a dead server on one of those can
// be given that very port for its own end, and is then connected to itself: the server finds its port taken.
const FIRST_PORT = 12_000;
const PORTS = 18_000;

let tried = 0;

/** A port on which nobody listens, and which no outgoing connection takes while its server is down. */
export async function freePort(): Promise<number> {
  for (;;) {
    // Processes of the same run start in different places.
    const port = FIRST_PORT + ((process.pid * 131 + tried * 7) % PORTS);
    tried += 1;
    if (await isFree(port)) return port;
    if (tried > PORTS) throw new Error(`none of the ports from ${FIRST_PORT} on is free`);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
