import type {
  AcquireRequest,
  AcquireResponse,
  CancelAcquireRequest,
  CancelAcquireResponse,
  CheckFenceRequest,
  CheckFenceResponse,
  CloseSessionRequest,
  CloseSessionResponse,
  ForceReleaseRequest,
  ForceReleaseResponse,
  GetLockRequest,
  GetLockResponse,
  GetSessionRequest,
  GetSessionResponse,
  KeepAliveRequest,
  KeepAliveResponse,
  ListLocksRequest,
  ListLocksResponse,
  ListSessionsRequest,
  ListSessionsResponse,
  OpenSessionRequest,
  OpenSessionResponse,
  ReleaseRequest,
  ReleaseResponse,
} from "@lockstep/protocol";

/** The instant at which an operation is decided. */
export interface Now {
  /** Milliseconds on a clock that never steps. Decides everything. */
  readonly monotonicMs: number;
  /** Unix milliseconds, an integer. Informs people. */
  readonly unixMs: number;
}

/** Who asks for an operation of a session, proven by the secret. */
export interface SessionCaller {
  readonly principal: string;
  readonly sessionId: bigint;
  /** SHA-256 of the secret that was shown, 32 bytes; undefined when an Attach has proven it before. */
  readonly secretSha256: Uint8Array | undefined;
}

/** What each operation takes and gives. Requests are the protocol's own; bounds have been checked. */
interface Operations {
  openSession: {
    op: { principal: string; secretSha256: Uint8Array; request: OpenSessionRequest };
    reply: OpenSessionResponse;
  };
  keepAlive: { op: { caller: SessionCaller; request: KeepAliveRequest }; reply: KeepAliveResponse };
  closeSession: {
    op: { caller: SessionCaller; request: CloseSessionRequest };
    reply: CloseSessionResponse;
  };
  getSession: {
    op: { caller: SessionCaller; request: GetSessionRequest };
    reply: GetSessionResponse;
  };
  listSessions: { op: { request: ListSessionsRequest }; reply: ListSessionsResponse };
  acquire: {
    /** `answerQueued`: reply `queued` at once instead of waiting for the final outcome. */
    op: { caller: SessionCaller; request: AcquireRequest; answerQueued: boolean };
    reply: AcquireResponse;
  };
  release: { op: { caller: SessionCaller; request: ReleaseRequest }; reply: ReleaseResponse };
  cancelAcquire: {
    op: { caller: SessionCaller; request: CancelAcquireRequest };
    reply: CancelAcquireResponse;
  };
  checkFence: { op: { request: CheckFenceRequest }; reply: CheckFenceResponse };
  getLock: { op: { request: GetLockRequest }; reply: GetLockResponse };
  listLocks: { op: { request: ListLocksRequest }; reply: ListLocksResponse };
  forceRelease: {
    op: { principal: string; request: ForceReleaseRequest };
    reply: ForceReleaseResponse;
  };
}

/** The name of an operation. */
export type OpKind = keyof Operations;

/** One operation, as the executor is given it. */
export type Op<K extends OpKind = OpKind> = {
  [P in K]: { readonly kind: P } & Readonly<Operations[P]["op"]>;
}[K];

/** The reply to an operation, without its header: the executor adds that. */
export type Reply<K extends OpKind = OpKind> = Operations[K]["reply"];
