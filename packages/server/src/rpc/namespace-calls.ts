import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { Refusal, RefusalCode } from "@lockstep/core";
import {
  type AdminService,
  type CreateNamespaceRequest,
  type CreateNamespaceResponse,
  CreateNamespaceResponseSchema,
  compareNames,
  ErrorReason,
  ListNamespacesResponseSchema,
  LockOrdering,
  NamespaceSchema,
  type NamespaceSettings,
  NamespaceSettingsSchema,
  type Namespace as NamespaceView,
  ReplyHeaderSchema,
  UpdateNamespaceRequestSchema,
  type UpdateNamespaceResponse,
  UpdateNamespaceResponseSchema,
} from "@lockstep/protocol";
import type { Namespace } from "../executor/namespace.ts";
import type { RpcEnvironment } from "./environment.ts";
import { unimplemented } from "./errors.ts";
import { callOf, named } from "./guard/call.ts";
import { namespaceOf } from "./namespaces.ts";
import { settle, unlessAborted } from "./settle.ts";
import {
  checkCreateNamespace,
  checkListNamespaces,
  checkUpdateNamespace,
} from "./validate/namespace.ts";

const PAGE_SIZE_DEFAULT = 100;

type NamespaceCalls = "createNamespace" | "updateNamespace" | "listNamespaces";

/** Namespaces as operators make and see them. */
export function namespaceCalls(
  environment: RpcEnvironment,
): Pick<ServiceImpl<typeof AdminService>, NamespaceCalls> {
  return {
    createNamespace(request, context) {
      const { principal, signal } = named(request, context);
      checkCreateNamespace(request);
      const { makeNamespace } = environment;
      if (makeNamespace === undefined) throw unimplemented();
      const made = makeNamespace(request.namespace, (namespace, isNew) =>
        configured(namespace, isNew, principal, request),
      );
      return unlessAborted(made, signal);
    },
    async updateNamespace(request, context) {
      const { principal, signal } = named(request, context);
      checkUpdateNamespace(request);
      const namespace = namespaceOf(environment, request.namespace);
      const reply = await settle(
        namespace.submit({ kind: "updateNamespace", principal, request }),
        signal,
      );
      return create(UpdateNamespaceResponseSchema, {
        header: reply.header,
        namespace: view(request.namespace, reply),
      });
    },
    async listNamespaces(request, context) {
      checkListNamespaces(request);
      const { namespaces, identity } = environment;
      const after = [...namespaces.keys()]
        .filter((name) => request.pageToken === "" || compareNames(name, request.pageToken) > 0)
        .sort(compareNames);
      const names = after.slice(0, request.pageSize || PAGE_SIZE_DEFAULT);
      const { signal } = callOf(context);
      const views = names.map((name) => read(namespaceOf(environment, name), name, signal));
      return create(ListNamespacesResponseSchema, {
        header: create(ReplyHeaderSchema, { clusterId: identity.clusterId }),
        namespaces: await Promise.all(views),
        nextPageToken: names.length < after.length ? (names.at(-1) ?? "") : "",
      });
    },
  };
}

/**
 * Gives a namespace the settings it is created with. Version 0 says that nobody has given it any: it is
 * new, or the server was stopped between making it and this.
 */
async function configured(
  namespace: Namespace,
  isNew: boolean,
  principal: string,
  { namespace: name, settings, reason, correlationId }: CreateNamespaceRequest,
): Promise<CreateNamespaceResponse> {
  const wanted = settings ?? create(NamespaceSettingsSchema);
  const there = await namespace.submit({ kind: "getNamespace" }).reply;
  const { version = 0n, settings: given } = there.namespace ?? {};
  const same = given !== undefined && isSame(given, wanted);
  if (!isNew && same) return created(name, there);
  if (version !== 0n) throw namespaceExists(name);
  const request = create(UpdateNamespaceRequestSchema, {
    namespace: name,
    settings: wanted,
    expectedVersion: version,
    reason,
    correlationId,
  });
  const reply = await namespace.submit({ kind: "updateNamespace", principal, request }).reply;
  return created(name, reply);
}

async function read(
  namespace: Namespace,
  name: string,
  signal: AbortSignal,
): Promise<NamespaceView> {
  return view(name, await settle(namespace.submit({ kind: "getNamespace" }), signal));
}

function created(name: string, reply: UpdateNamespaceResponse): CreateNamespaceResponse {
  const { header } = reply;
  return create(CreateNamespaceResponseSchema, { header, namespace: view(name, reply) });
}

/** The namespace as it was when the reply was computed. */
function view(name: string, { header, namespace }: UpdateNamespaceResponse): NamespaceView {
  const { settings = create(NamespaceSettingsSchema), version = 0n } = namespace ?? {};
  const { epoch = 0n, revision = 0n } = header ?? {};
  return create(NamespaceSchema, { namespace: name, settings, version, epoch, revision });
}

function isSame(a: NamespaceSettings, b: NamespaceSettings): boolean {
  return (
    orderingOf(a) === orderingOf(b) &&
    a.quarantineAfterLosses === b.quarantineAfterLosses &&
    a.quarantineWindowMs === b.quarantineWindowMs
  );
}

function orderingOf({ ordering }: NamespaceSettings): LockOrdering {
  return ordering === LockOrdering.UNSPECIFIED ? LockOrdering.NONE : ordering;
}

function namespaceExists(name: string): Refusal {
  return new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.NAMESPACE_EXISTS,
    `namespace ${JSON.stringify(name)} exists with other settings: UpdateNamespace changes them`,
    { namespace: name },
  );
}
