import { type Client, connect } from "@lockstep/client/node";
import { type ServerOptions, type ServerProcess, startServerProcess } from "../server-process.ts";

/** A server of a trial's own, with a client. */
export interface OwnServer {
  readonly server: ServerProcess;
  readonly client: Client;
  close(): Promise<void>;
}

export async function startOwnServer(options: ServerOptions = {}): Promise<OwnServer> {
  const server = await startServerProcess({ probed: true, ...options });
  const client = connect({ address: server.address });
  await client.ready();
  return {
    server,
    client,
    close: async () => {
      await client.close();
      await server.stop();
    },
  };
}
