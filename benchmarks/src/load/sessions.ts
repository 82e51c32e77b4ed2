import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  AcquireRequestSchema,
  KeepAliveRequestSchema,
  LockMode,
  type SessionRef,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import { Attached } from "./attached.ts";

const NAMESPACE = "default";
// The longest a server allows: nothing of what is measured expires meanwhile.
const TTL_MS = 3_600_000n;
const SECRET_BYTES = 32;
// Below the server's limit of streams on one connection.
const STREAMS_PER_CONNECTION = 100;
// Small enough for one frame, whatever the keys.
const CALLS_PER_FRAME = 500;

/** Opens a connection. Returns the service on it and the way to close it. */
function connection(address: string): {
  service: Client<typeof SessionService>;
  close: () => void;
} {
  const baseUrl = `http://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport: Transport = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager,
    acceptCompression: [],
  });
  return {
    service: createClient(SessionService, transport),
    close: () => sessionManager.abort(),
  };
}

/** Opens so many sessions, and leaves them without a connection. */
export async function openSessions(address: string, count: number): Promise<SessionRef[]> {
  const { service, close } = connection(address);
  const sessions: SessionRef[] = [];
  const open = async () => {
    const secret = randomBytes(SECRET_BYTES);
    const request = { namespace: NAMESPACE, secret, ttlMs: TTL_MS };
    const { sessionId } = await service.openSession(request);
    sessions.push(create(SessionRefSchema, { namespace: NAMESPACE, sessionId, secret }));
  };
  await manyAtOnce(STREAMS_PER_CONNECTION, Array(count).fill(open));
  close();
  return sessions;
}

/** Which locks a session takes. */
export interface Share {
  readonly session: SessionRef;
  readonly keys: readonly string[];
}

/** Lets sessions that have asked for nothing yet take locks, each its own, tell the server that they have the replies, and go away. */
export async function holdLocks(address: string, shares: readonly Share[]): Promise<void> {
  const { service, close } = connection(address);
  const tasks = shares.map((share) => () => takeShare(service, share));
  await manyAtOnce(STREAMS_PER_CONNECTION / 2, tasks);
  close();
}

async function takeShare(
  service: Client<typeof SessionService>,
  { session, keys }: Share,
): Promise<void> {
  const attached = new Attached(service, session);
  for (let at = 0; at < keys.length; at += CALLS_PER_FRAME) {
    const calls = keys.slice(at, at + CALLS_PER_FRAME).map(async (key, offset) => {
      const requestId = BigInt(at + offset + 1);
      const targets = [{ key, mode: LockMode.EXCLUSIVE, permits: 0 }];
      const value = create(AcquireRequestSchema, { requestId, targets });
      const reply = await attached.call({ case: "acquire", value });
      if (reply.case !== "acquire" || reply.value.outcome.case !== "granted") {
        throw new Error(`${key} was not granted`);
      }
    });
    await Promise.all(calls);
    const answered = [{ first: 1n, last: BigInt(at + calls.length) }];
    const value = create(KeepAliveRequestSchema, { seq: 1n, answered });
    await attached.call({ case: "keepAlive", value });
  }
  attached.close();
}

/** Sessions that are attached, for their keep-alives. */
export interface AttachedSessions {
  /** Renews one, chosen by its place. */
  keepAlive(place: number): Promise<void>;
  close(): void;
}

/** Attaches sessions, a stream for each and so many on one connection as a server allows. */
export async function attachAll(
  address: string,
  sessions: readonly SessionRef[],
): Promise<AttachedSessions> {
  const connections: ReturnType<typeof connection>[] = [];
  const streams: Attached[] = [];
  let seq = 0n;
  const keepAlive = async (place: number) => {
    const value = create(KeepAliveRequestSchema, { seq: ++seq });
    await (streams[place] as Attached).call({ case: "keepAlive", value });
  };
  // A few at a time, each until it is answered: a connection that shows nothing for long is cut.
  const tasks = sessions.map((session, place) => async () => {
    const number = Math.floor(place / STREAMS_PER_CONNECTION);
    connections[number] ??= connection(address);
    streams[place] = new Attached(connections[number].service, session);
    await keepAlive(place);
  });
  await manyAtOnce(STREAMS_PER_CONNECTION / 2, tasks);
  const close = () => {
    for (const each of connections) each.close();
  };
  return { keepAlive, close };
}

/** Runs tasks, at most so many at a time. */
async function manyAtOnce(most: number, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) await task();
  };
  await Promise.all(Array.from({ length: most }, work));
}
