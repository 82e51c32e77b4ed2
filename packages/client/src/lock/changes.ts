import type { NotHeld } from "@lockstep/protocol";
import type { CallKind, Replies, Requests } from "../calls/call.ts";
import type { Errand } from "../calls/dispatcher.ts";
import { requestError } from "../calls/fault.ts";
import type { RequestIds } from "../session/request-ids.ts";
import type { Hold } from "./hold.ts";

/** What a change of a hold asks of its session. */
export interface ChangeHost {
  readonly ids: RequestIds;
  submit<K extends CallKind>(errand: Errand<K>): () => void;
  /** The server says that there is no such hold any more. Tells the handles that believe in it. */
  notHeld(hold: Hold, answer: NotHeld): void;
  /** Calls `fail` when the session ends, at once if it has, unless the returned function was called before. */
  untilEnd(fail: (error: Error) => void): () => void;
}

/** One request about a hold. */
export interface Change<K extends CallKind, T> {
  /** The message of the next attempt. */
  request(): Requests[K];
  /** What the reply says. */
  outcome(reply: Replies[K]): T;
}

/**
 * Repeats one request until it has an outcome.
 * @throws RequestError when it is refused; why the session ended when it did before
 */
export function change<K extends CallKind, T>(
  host: ChangeHost,
  kind: K,
  make: (requestId: bigint) => Change<K, T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const requestId = host.ids.next();
    const { request, outcome } = make(requestId);
    const forget = host.untilEnd(reject);
    const end = () => {
      host.ids.answer(requestId);
      forget();
    };
    host.submit<K>({
      kind,
      request,
      reply: (reply) => {
        end();
        resolve(outcome(reply));
        return true;
      },
      refused: (fault) => {
        end();
        reject(requestError(fault));
      },
    });
  });
}
