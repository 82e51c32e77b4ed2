import type {
  AcquireRequest,
  AcquireResponse,
  CancelAcquireRequest,
  CancelAcquireResponse,
  CheckFenceRequest,
  CheckFenceResponse,
  ClearQuarantineRequest,
  ClearQuarantineResponse,
  CloseSessionRequest,
  CloseSessionResponse,
  ConvertRequest,
  ConvertResponse,
  ForceReleaseRequest,
  ForceReleaseResponse,
  GetLockRequest,
  GetLockResponse,
  GetPolicyRequest,
  GetPolicyResponse,
  GetSessionRequest,
  GetSessionResponse,
  GetWaitGraphRequest,
  GetWaitGraphResponse,
  KeepAliveRequest,
  KeepAliveResponse,
  ListLocksRequest,
  ListLocksResponse,
  ListQuarantinesRequest,
  ListQuarantinesResponse,
  ListSessionsRequest,
  ListSessionsResponse,
  OpenSessionRequest,
  OpenSessionResponse,
  QuarantineIdentityRequest,
  QuarantineIdentityResponse,
  ReleaseRequest,
  ReleaseResponse,
  RequestReleaseRequest,
  RequestReleaseResponse,
  RevokeSessionRequest,
  RevokeSessionResponse,
  SetPolicyRequest,
  SetPolicyResponse,
  SetValueRequest,
  SetValueResponse,
  TransferRequest,
  TransferResponse,
  UpdateNamespaceRequest,
  UpdateNamespaceResponse,
} from "@lockstep/protocol";
import type { DatasetOperations } from "./dataset/operations.ts";

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
interface Operations extends DatasetOperations {
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
  convert: {
    /** `answerQueued`: as for acquire. */
    op: { caller: SessionCaller; request: ConvertRequest; answerQueued: boolean };
    reply: ConvertResponse;
  };
  transfer: { op: { caller: SessionCaller; request: TransferRequest }; reply: TransferResponse };
  setValue: { op: { caller: SessionCaller; request: SetValueRequest }; reply: SetValueResponse };
  requestRelease: {
    op: { principal: string; request: RequestReleaseRequest };
    reply: RequestReleaseResponse;
  };
  forceRelease: {
    op: { principal: string; request: ForceReleaseRequest };
    reply: ForceReleaseResponse;
  };
  revokeSession: {
    op: { principal: string; request: RevokeSessionRequest };
    reply: RevokeSessionResponse;
  };
  clearQuarantine: {
    op: { principal: string; request: ClearQuarantineRequest };
    reply: ClearQuarantineResponse;
  };
  quarantineIdentity: {
    op: { principal: string; request: QuarantineIdentityRequest };
    reply: QuarantineIdentityResponse;
  };
  setPolicy: {
    op: { principal: string; request: SetPolicyRequest };
    reply: SetPolicyResponse;
  };
  updateNamespace: {
    op: { principal: string; request: UpdateNamespaceRequest };
    reply: UpdateNamespaceResponse;
  };
  /** Reads the settings of the namespace; who asks fills in its name, epoch and revision. */
  getNamespace: { op: Record<never, never>; reply: UpdateNamespaceResponse };
  listQuarantines: { op: { request: ListQuarantinesRequest }; reply: ListQuarantinesResponse };
  getPolicy: { op: { request: GetPolicyRequest }; reply: GetPolicyResponse };
  getWaitGraph: { op: { request: GetWaitGraphRequest }; reply: GetWaitGraphResponse };
}

/** The name of an operation. */
export type OpKind = keyof Operations;

/** One operation, as the executor is given it. */
export type Op<K extends OpKind = OpKind> = {
  [P in K]: { readonly kind: P } & Readonly<Operations[P]["op"]>;
}[K];

/** The reply to an operation, without its header: the executor adds that. */
export type Reply<K extends OpKind = OpKind> = Operations[K]["reply"];
