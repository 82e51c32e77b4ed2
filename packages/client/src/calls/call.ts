import type {
  AckRequest,
  AckResponse,
  AcquireRequest,
  AcquireResponse,
  AppendRequest,
  AppendResponse,
  CancelAcquireRequest,
  CancelAcquireResponse,
  CloseSessionRequest,
  CloseSessionResponse,
  ConvertRequest,
  ConvertResponse,
  GetSessionRequest,
  GetSessionResponse,
  KeepAliveRequest,
  KeepAliveResponse,
  ReleaseRequest,
  ReleaseResponse,
  SetValueRequest,
  SetValueResponse,
  TransferRequest,
  TransferResponse,
} from "@lockstep/protocol";
import type { Fault } from "./fault.ts";

/** What the calls of a session take; the same messages on Attach and in unary calls. */
export interface Requests {
  keepAlive: KeepAliveRequest;
  closeSession: CloseSessionRequest;
  getSession: GetSessionRequest;
  acquire: AcquireRequest;
  release: ReleaseRequest;
  cancelAcquire: CancelAcquireRequest;
  convert: ConvertRequest;
  transfer: TransferRequest;
  setValue: SetValueRequest;
}

/** What they answer. */
export interface Replies {
  keepAlive: KeepAliveResponse;
  closeSession: CloseSessionResponse;
  getSession: GetSessionResponse;
  acquire: AcquireResponse;
  release: ReleaseResponse;
  cancelAcquire: CancelAcquireResponse;
  convert: ConvertResponse;
  transfer: TransferResponse;
  setValue: SetValueResponse;
}

/** The name of a call of a session. */
export type CallKind = keyof Requests;

/** What an Attach takes: the calls of its session, and those about datasets that go often. */
export interface ItemRequests extends Requests {
  append: AppendRequest;
  ack: AckRequest;
}

/** What it answers. */
export interface ItemReplies extends Replies {
  append: AppendResponse;
  ack: AckResponse;
}

/** The name of a call that an Attach carries. */
export type ItemKind = keyof ItemRequests;

/**
 * Who waits for one attempt of a call. Exactly one of the two is called, once, synchronously when the
 * reply arrives: what a reply brings takes effect before anything that arrived after it.
 */
export interface Attempt<K extends ItemKind> {
  reply(reply: ItemReplies[K]): void;
  fault(fault: Fault): void;
}

/** A way to the server. */
export interface Way {
  /** Makes one attempt. Returns the way to stop listening to it; the request itself may still arrive. */
  send<K extends CallKind>(kind: K, request: Requests[K], attempt: Attempt<K>): () => void;
}
