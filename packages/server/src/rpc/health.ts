import { create } from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { ErrorReason, NamespaceRole, refusal } from "@lockstep/protocol";
import {
  type Health,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from "../gen/health/v1/health_pb.ts";
import type { RpcEnvironment } from "./environment.ts";
import { type Call, callOf } from "./guard/call.ts";
import { pause } from "./pause.ts";

/** How often a watch of health looks. */
const LOOK_EACH_MS = 1_000;

/**
 * Health as grpc.health.v1 defines it. The server, and each of its services, is SERVING while it leads
 * all its namespaces and is not stopping.
 */
export function health(
  environment: RpcEnvironment,
  services: readonly string[],
): ServiceImpl<typeof Health> {
  const known = new Set(["", ...services]);
  const statusOf = (service: string) =>
    known.has(service) ? currentStatus(environment) : Status.SERVICE_UNKNOWN;
  return {
    check({ service }) {
      const status = statusOf(service);
      if (status === Status.SERVICE_UNKNOWN) throw unknownService();
      return create(HealthCheckResponseSchema, { status });
    },
    list() {
      const statuses = Object.fromEntries(
        [...known].map((service) => [
          service,
          create(HealthCheckResponseSchema, { status: statusOf(service) }),
        ]),
      );
      return create(HealthListResponseSchema, { statuses });
    },
    watch: ({ service }, context) =>
      watchStatus(() => statusOf(service), callOf(context), environment),
  };
}

async function* watchStatus(
  statusOf: () => Status,
  call: Call,
  { clock, stopping }: RpcEnvironment,
): AsyncGenerator<HealthCheckResponse> {
  call.bytes.release();
  let sent: Status | undefined;
  try {
    for (;;) {
      call.signal.throwIfAborted();
      const status = statusOf();
      if (status !== sent) {
        sent = status;
        yield create(HealthCheckResponseSchema, { status });
      }
      if (stopping.aborted) return;
      await pause(clock, LOOK_EACH_MS, [call.signal, stopping]);
    }
  } catch (error) {
    throw call.errorFrom(error);
  }
}

function currentStatus({ namespaces, stopping }: RpcEnvironment): Status {
  if (stopping.aborted) return Status.NOT_SERVING;
  for (const namespace of namespaces.values()) {
    if (namespace.info().role !== NamespaceRole.LEADER) return Status.NOT_SERVING;
  }
  return Status.SERVING;
}

/** The health protocol wants NOT_FOUND here. */
function unknownService() {
  const rule = "must name a service of this server";
  return refusal(Code.NotFound, ErrorReason.INVALID_FIELD, `service ${rule}`, {
    field: "service",
    rule,
  });
}
