import { type Client, type ConnectOptions, connect } from "@lockstep/client/node";
import type { Command } from "commander";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

/** Which server and namespace a command is about, as given. */
export interface ServerOptions {
  readonly address?: string;
  readonly namespace?: string;
}

const ADDRESS_DEFAULT = "127.0.0.1:7420";
const NAMESPACE_DEFAULT = "default";

/** Gives a command the flags that say which server and namespace it is about. */
export function withServerOptions(command: Command): Command {
  return withAddressOption(command).option(
    "--namespace <NAME>",
    `the namespace (default $LOCKSTEP_NAMESPACE, else ${NAMESPACE_DEFAULT})`,
  );
}

/** Gives a command that is about no namespace the flag that says which server it is about. */
export function withAddressOption(command: Command): Command {
  return command.option(
    "--address <HOST:PORT>",
    `the server, also as http(s) URL (default $LOCKSTEP_ADDRESS, else ${ADDRESS_DEFAULT})`,
  );
}

/** Where the server is, as it was given. */
export function addressOf({ address }: ServerOptions): string {
  return address || process.env.LOCKSTEP_ADDRESS || ADDRESS_DEFAULT;
}

/**
 * A client of the server that is meant.
 * @throws CommandError when an option cannot be used
 */
export function clientOf(options: ServerOptions, more: ConnectOptions = {}): Client {
  const address = addressOf(options);
  const namespace = options.namespace || process.env.LOCKSTEP_NAMESPACE || NAMESPACE_DEFAULT;
  try {
    const where = address.includes("://") ? { url: address } : { address };
    return connect({ ...where, namespace, ...more });
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new CommandError(EXIT.usage, error.message, { cause: error });
  }
}

/** Runs `use` with a client and closes it. */
export async function withClient<T>(
  options: ServerOptions,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = clientOf(options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
