import type { DescService } from "@bufbuild/protobuf";
import {
  createConnectRouter,
  createServiceImplSpec,
  type MethodImplSpec,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  AdminService,
  ClockService,
  LockService,
  ReplicationService,
  ServerService,
  SessionService,
} from "@lockstep/protocol";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../gen/health/v1/health_pb.ts";
import type { VirtualClock } from "../ports/virtual-clock.ts";
import { adminService } from "./admin-service.ts";
import { Attachments } from "./attach/attachments.ts";
import { DirectAttach } from "./attach/direct/direct-attach.ts";
import { clockService } from "./clock-service.ts";
import { Descriptors } from "./descriptors.ts";
import type { RpcEnvironment } from "./environment.ts";
import { unimplemented } from "./errors.ts";
import { callOf } from "./guard/call.ts";
import { guard, requestGate, unaryErrors } from "./guard/guard.ts";
import { InFlightBytes } from "./guard/in-flight-bytes.ts";
import { health } from "./health.ts";
import { lockService } from "./lock-service.ts";
import { reflect } from "./reflection.ts";
import { replicationService } from "./replication/replication-service.ts";
import { Subscriptions } from "./replication/subscriptions.ts";
import { serverService } from "./server-service.ts";
import { sessionService } from "./session-service.ts";
import { DirectUnary } from "./unary/direct-unary.ts";
import { Watches } from "./watch/watches.ts";

/** Every RPC a server answers, guarded, independent of any transport. */
export interface Handlers {
  /** One per method, found by its `requestPath`. */
  readonly all: readonly UniversalHandler[];
  /** Answers a method nobody knows in the protocol it was asked in. */
  readonly unknown: { readonly unary: UniversalHandler; readonly stream: UniversalHandler };
  /** Attach past the RPC library, where it takes a request. */
  readonly attach: DirectAttach;
  /** Unary calls past the RPC library, where it takes a request. */
  readonly unary: DirectUnary;
  /** Lets go of the namespaces. */
  close(): void;
}

/** Builds the handlers. With a virtual clock they include the ClockService that moves it. */
export function createHandlers(
  environment: RpcEnvironment,
  testClock: VirtualClock | undefined,
): Handlers {
  const { limits } = environment;
  const watches = new Watches(limits);
  const subscriptions = new Subscriptions(limits, environment.clock);
  const inFlight = new InFlightBytes(limits);
  const guarded = (handlers: readonly UniversalHandler[]) =>
    handlers.map((handler) => guard(handler, environment, inFlight));
  const attachments = new Attachments();
  const router = newRouter(environment);
  const specs: MethodImplSpec[] = [];
  const serve = <S extends DescService>(service: S, implementation: ServiceImpl<S>) => {
    router.service(service, implementation);
    specs.push(...Object.values(createServiceImplSpec(service, implementation).methods));
    return service;
  };
  const services: DescService[] = [
    serve(ServerService, serverService(environment, watches, subscriptions)),
    serve(SessionService, sessionService(environment, attachments)),
    serve(LockService, lockService(environment, watches)),
    serve(AdminService, adminService(environment)),
    serve(ReplicationService, replicationService(environment, subscriptions)),
  ];
  if (testClock !== undefined) services.push(serve(ClockService, clockService(testClock)));
  const names = services.map(({ typeName }) => typeName);
  serve(Health, health(environment, names));
  addReflection(router, new Descriptors([...services, Health, ServerReflection]));
  const all = guarded(router.handlers);
  const byGuard = new Map(all.map((handler, index) => [handler, router.handlers[index] as never]));
  const unknown = guarded(unknownMethods(environment));
  return {
    all,
    unknown: { unary: unknown[0] as UniversalHandler, stream: unknown[1] as UniversalHandler },
    attach: new DirectAttach(environment, attachments, inFlight),
    unary: new DirectUnary(environment, inFlight, specs, byGuard),
    close: () => watches.close(),
  };
}

type Router = ReturnType<typeof createConnectRouter>;

function newRouter({ limits }: RpcEnvironment): Router {
  return createConnectRouter({
    readMaxBytes: limits.max_request_bytes,
    writeMaxBytes: limits.max_response_bytes,
    acceptCompression: [],
    jsonOptions: { ignoreUnknownFields: false },
    interceptors: [unaryErrors],
    requestGate,
  });
}

function addReflection(router: Router, descriptors: Descriptors): void {
  router.rpc(ServerReflection.method.serverReflectionInfo, (requests, context) =>
    reflect(requests, descriptors, callOf(context)),
  );
  // The same messages under an older name.
  router.rpc(
    ServerReflectionV1Alpha.method.serverReflectionInfo,
    (requests, context) => reflect(requests as never, descriptors, callOf(context)) as never,
  );
}

/** Handlers that refuse whatever they are asked: one for unary calls, one for streams. */
function unknownMethods(environment: RpcEnvironment): UniversalHandler[] {
  const refuse = () => {
    throw unimplemented();
  };
  return newRouter(environment)
    .rpc(ServerService.method.getServerInfo, refuse)
    .rpc(LockService.method.watch, refuse).handlers;
}
