import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FenceGuard, parseSequencer } from "@lockstep/protocol";
import { SEQUENCER_HEADER } from "./holding.ts";

/** Something worth protecting: it can be written to over HTTP, and guards itself. */
export interface GuardedResource {
  readonly url: string;
  /** The sequencers of the writes it let in, in order. */
  readonly admitted: readonly string[];
  /** The sequencers of those it refused. */
  readonly refused: readonly string[];
  close(): void;
}

/** Starts it. A write without the newest token of its key is answered with 409. */
export async function guardedResource(): Promise<GuardedResource> {
  const guard = new FenceGuard();
  const admitted: string[] = [];
  const refused: string[] = [];
  const server = createServer((request, response) => {
    const sequencer = String(request.headers[SEQUENCER_HEADER]);
    const isAdmitted = guard.admit(parseSequencer(sequencer));
    (isAdmitted ? admitted : refused).push(sequencer);
    response.writeHead(isAdmitted ? 200 : 409).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, admitted, refused, close: () => server.close() };
}
