import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  AdminService,
  type ClearQuarantineResponse,
  type CreateNamespaceResponse,
  type ForceReleaseResponse,
  type GetPolicyResponse,
  type GetWaitGraphResponse,
  type ListNamespacesResponse,
  type ListQuarantinesResponse,
  type LockPolicySchema,
  type NamespaceSettingsSchema,
  type QuarantineIdentityResponse,
  type RevokeSessionResponse,
  SetPolicyRequestSchema,
  type SetPolicyResponse,
  type UpdateNamespaceResponse,
} from "@lockstep/protocol";
import type { Caller, CallOptions } from "./calls/caller.ts";
import { type PageOptions, page } from "./reads.ts";

/** What every change by an operator takes. */
export interface AdminOptions extends CallOptions {
  /** Why, for the audit history, 1 to 512 bytes. */
  readonly reason: string;
  /** Stored in the events this causes, at most 128 bytes. Default empty. */
  readonly correlationId?: string;
}

/** What `forceRelease` takes. */
export interface ForceReleaseOptions extends AdminOptions {
  readonly key: string;
  /** The token of the hold to end. */
  readonly expectedToken: bigint;
  /** Free the keys at once although the client that lost them may still believe that it holds. Default false. */
  readonly immediate?: boolean;
}

/** What `clearQuarantine` takes: the key or the principal. */
export type ClearQuarantineOptions = AdminOptions & {
  /** The revision that names the quarantine, as `listQuarantines` tells it. */
  readonly expectedRevision: bigint;
} & ({ readonly key: string } | { readonly principal: string });

/** What `setPolicy` takes. */
export interface SetPolicyOptions extends AdminOptions {
  /** The keys that it is for; empty is every key. */
  readonly prefix: string;
  /** The policy from here on; null removes that of the prefix. */
  readonly policy: MessageInitShape<typeof LockPolicySchema> | null;
  /** `version` of `getPolicy`. */
  readonly expectedVersion: bigint;
}

/** What `createNamespace` takes. */
export interface CreateNamespaceOptions extends AdminOptions {
  /** Its name, 1 to 512 bytes. */
  readonly namespace: string;
  /** Default: those of the protocol. */
  readonly settings?: MessageInitShape<typeof NamespaceSettingsSchema>;
}

/** What `updateNamespace` takes. */
export interface UpdateNamespaceOptions extends AdminOptions {
  /** Its name. */
  readonly namespace: string;
  /** All its settings from here on. */
  readonly settings: MessageInitShape<typeof NamespaceSettingsSchema>;
  /** `version` of `listNamespaces`. */
  readonly expectedVersion: bigint;
}

/**
 * What operators do, in the namespace of their client unless it names another. Every call is made once and answers
 * with the protocol's own message, which describes it; rejects with RequestError when refused, with
 * ServerUnreachableError when there is no answer. Changes are safe to repeat: what is done already is answered as done.
 */
export class Admin {
  readonly #caller: Caller;
  readonly #namespace: string;
  readonly #service: Client<typeof AdminService>;

  constructor(caller: Caller, transport: Transport, namespace: string) {
    this.#caller = caller;
    this.#namespace = namespace;
    this.#service = createClient(AdminService, transport);
  }

  /** Ends a hold with all its keys. They stay blocked until its client must have noticed, unless `immediate`. */
  forceRelease(options: ForceReleaseOptions): Promise<ForceReleaseResponse> {
    const { key, expectedToken, immediate = false } = options;
    const request = { ...this.#why(options), key, expectedToken, immediate };
    return this.#caller.call(options, (signal) => this.#service.forceRelease(request, { signal }));
  }

  /** Ends a session and all it holds. */
  revokeSession(
    options: AdminOptions & { readonly sessionId: bigint },
  ): Promise<RevokeSessionResponse> {
    const request = { ...this.#why(options), sessionId: options.sessionId };
    return this.#caller.call(options, (signal) => this.#service.revokeSession(request, { signal }));
  }

  /** Denies a principal every lock until it is cleared. Its sessions and holds stay. */
  quarantineIdentity(
    options: AdminOptions & { readonly principal: string },
  ): Promise<QuarantineIdentityResponse> {
    const request = { ...this.#why(options), principal: options.principal };
    return this.#caller.call(options, (signal) =>
      this.#service.quarantineIdentity(request, { signal }),
    );
  }

  /** Lets a quarantined key or principal go on. */
  clearQuarantine(options: ClearQuarantineOptions): Promise<ClearQuarantineResponse> {
    const { expectedRevision } = options;
    const subject =
      "key" in options
        ? { case: "key" as const, value: options.key }
        : { case: "principal" as const, value: options.principal };
    const request = { ...this.#why(options), expectedRevision, subject };
    return this.#caller.call(options, (signal) =>
      this.#service.clearQuarantine(request, { signal }),
    );
  }

  /** Quarantined keys, by page, and principals, on the first page. */
  listQuarantines(options: PageOptions = {}): Promise<ListQuarantinesResponse> {
    const request = { namespace: this.#namespace, ...page(options) };
    return this.#caller.call(options, (signal) =>
      this.#service.listQuarantines(request, { signal }),
    );
  }

  /** All policies, and the one that is in force for `key`. */
  getPolicy(options: CallOptions & { readonly key?: string } = {}): Promise<GetPolicyResponse> {
    const request = { namespace: this.#namespace, key: options.key ?? "" };
    return this.#caller.call(options, (signal) => this.#service.getPolicy(request, { signal }));
  }

  /** Sets or removes the policy of a key prefix. */
  setPolicy(options: SetPolicyOptions): Promise<SetPolicyResponse> {
    const { prefix, policy, expectedVersion } = options;
    const request = create(SetPolicyRequestSchema, {
      ...this.#why(options),
      keyPrefix: prefix,
      expectedVersion,
      ...(policy && { policy }),
    });
    return this.#caller.call(options, (signal) => this.#service.setPolicy(request, { signal }));
  }

  /** Who waits for whom, for keys that start with `prefix`, at most `waitsMax` waits, 1 to 10,000, default 1,000. */
  waitGraph(
    options: CallOptions & { readonly prefix?: string; readonly waitsMax?: number } = {},
  ): Promise<GetWaitGraphResponse> {
    const { prefix = "", waitsMax = 0 } = options;
    const request = { namespace: this.#namespace, keyPrefix: prefix, waitsMax };
    return this.#caller.call(options, (signal) => this.#service.getWaitGraph(request, { signal }));
  }

  /** The namespaces the server serves. */
  listNamespaces(options: PageOptions = {}): Promise<ListNamespacesResponse> {
    const request = page(options);
    return this.#caller.once(options, (signal) =>
      this.#service.listNamespaces(request, { signal }),
    );
  }

  /** Makes a namespace. */
  createNamespace(options: CreateNamespaceOptions): Promise<CreateNamespaceResponse> {
    const { namespace, settings } = options;
    const request = { ...this.#why(options), namespace, ...(settings && { settings }) };
    return this.#caller.once(options, (signal) =>
      this.#service.createNamespace(request, { signal }),
    );
  }

  /** Changes the settings of a namespace. */
  updateNamespace(options: UpdateNamespaceOptions): Promise<UpdateNamespaceResponse> {
    const { namespace, settings, expectedVersion } = options;
    const request = { ...this.#why(options), namespace, settings, expectedVersion };
    return this.#caller.once(options, (signal) =>
      this.#service.updateNamespace(request, { signal }),
    );
  }

  #why({ reason, correlationId = "" }: AdminOptions) {
    return { namespace: this.#namespace, reason, correlationId };
  }
}
