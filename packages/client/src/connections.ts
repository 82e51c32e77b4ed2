import { Http2SessionManager } from "@connectrpc/connect-node";

/** HTTP/2 connections whose end, however it comes, only reaches the calls on them. */
export class Connections extends Http2SessionManager {
  readonly #unref: boolean;

  /** @param unref let the process exit although calls are open */
  constructor(
    unref: boolean,
    ...[url, ping, options]: ConstructorParameters<typeof Http2SessionManager>
  ) {
    super(url, ping, options);
    this.#unref = unref;
  }

  override async request(...args: Parameters<Http2SessionManager["request"]>) {
    const stream = await super.request(...args);
    const { session } = stream;
    if (this.#unref) session?.unref();
    // A connection that is destroyed tells so a few turns later. When a call asks for a new connection meanwhile, the
    // manager has stopped to listen to the old one, and an error that nobody listens to ends the process.
    if (session?.listenerCount("error", ignore) === 0) session.on("error", ignore);
    return stream;
  }
}

function ignore(): void {}
