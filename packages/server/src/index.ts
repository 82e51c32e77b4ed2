export { LOG_LEVELS, type Log, type LogLevel } from "./log/log.ts";
export { type Clock, systemClock, type Timer } from "./ports/clock.ts";
export { VirtualClock } from "./ports/virtual-clock.ts";
export type { RpcEnvironment, ServerIdentity } from "./rpc/environment.ts";
export { principalKey } from "./rpc/guard/call.ts";
export { createHandlers, type Handlers } from "./rpc/handlers.ts";
export {
  ListenError,
  type RunningServer,
  type StartServerOptions,
  startServer,
} from "./server.ts";
