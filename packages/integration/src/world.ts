// What a test of real processes needs around it; everything ends with the test.
import { type Client, type ConnectOptions, connect } from "@lockstep/client/node";
import { onTestFailed, onTestFinished } from "vitest";
import { ServerProcess, type ServerProcessOptions } from "./processes/server-process.ts";

/** A server for one test. Its output is shown when the test fails. */
export async function serverForTest(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start(options);
  onTestFinished(() => server.remove());
  onTestFailed(() => console.error(server.log));
  return server;
}

/** A client for one test. */
export function clientForTest(
  { address }: ServerProcess,
  options: Omit<ConnectOptions, "address" | "url"> = {},
): Client {
  const client = connect({ address, ...options });
  onTestFinished(() => client.close());
  return client;
}
