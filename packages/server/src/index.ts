export { ConfigError, type ConfigProblem, type Flags, readConfig } from "./config/config.ts";
export {
  SETTINGS,
  type ServerConfig,
  type Setting,
  type SettingName,
  variableOf,
} from "./config/settings.ts";
export type { Namespace } from "./executor/namespace.ts";
export { type OpenNamespaceOptions, openNamespace } from "./executor/open-namespace.ts";
export { JournalOpenError, type JournalOpenProblem } from "./journal/journal.ts";
export { MemoryJournal } from "./journal/memory.ts";
export { createLog, type Log, type LogLevel } from "./log/log.ts";
export { type BackedUpData, backupData } from "./maintenance/backup-data.ts";
export type { CopiedNamespace, CopyProgress } from "./maintenance/copy-namespaces.ts";
export { DataFolderError } from "./maintenance/data-folder-error.ts";
export { type RestoredData, restoreData } from "./maintenance/restore-data.ts";
export {
  type VerifiedData,
  type VerifiedNamespace,
  verifyData,
} from "./maintenance/verify-data.ts";
export { Namespaces } from "./namespaces/namespaces.ts";
export type { Clock, Timer } from "./ports/clock.ts";
export type { VirtualClock } from "./ports/virtual-clock.ts";
export type { RpcEnvironment, ServerIdentity } from "./rpc/environment.ts";
export { createHandlers, type Handlers } from "./rpc/handlers.ts";
export { type ServedData, serve } from "./serve.ts";
export { ListenError, type RunningServer } from "./server.ts";
export { serverVersion } from "./version.ts";
