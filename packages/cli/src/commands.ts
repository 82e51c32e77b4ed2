import type { Command } from "commander";

/** Makes a command. @param end is told the exit code, where the command has one of its own */
type MakeCommand = (end: (exitCode: number) => void) => Command;

/** Loads a command. */
export type LoadCommand = () => Promise<MakeCommand>;

/**
 * Where each command is, by its name and in the order of the help. A command is loaded when it is typed: one that asks a server
 * waits neither for the server's code nor for that of replicas.
 */
export const COMMANDS: Readonly<Record<string, LoadCommand>> = {
  serve: async () => (await import("./commands/serve.ts")).serveCommand,
  run: async () => (await import("./commands/run.ts")).runCommand,
  info: async () => (await import("./commands/info.ts")).infoCommand,
  locks: async () => (await import("./commands/locks.ts")).locksCommand,
  sessions: async () => (await import("./commands/sessions.ts")).sessionsCommand,
  graph: async () => (await import("./commands/graph.ts")).graphCommand,
  watch: async () => (await import("./commands/watch.ts")).watchCommand,
  events: async () => (await import("./commands/events.ts")).eventsCommand,
  "request-release": async () =>
    (await import("./commands/request-release.ts")).requestReleaseCommand,
  "force-release": async () => (await import("./commands/force-release.ts")).forceReleaseCommand,
  "revoke-session": async () => (await import("./commands/revoke-session.ts")).revokeSessionCommand,
  quarantine: async () => (await import("./commands/quarantine.ts")).quarantineCommand,
  policy: async () => (await import("./commands/policy.ts")).policyCommand,
  namespaces: async () => (await import("./commands/namespaces.ts")).namespacesCommand,
  dataset: async () => (await import("./commands/dataset/dataset.ts")).datasetCommand,
  append: async () => (await import("./commands/append.ts")).appendCommand,
  get: async () => (await import("./commands/get.ts")).getCommand,
  scan: async () => (await import("./commands/scan.ts")).scanCommand,
  tail: async () => (await import("./commands/tail.ts")).tailCommand,
  snapshot: async () => (await import("./commands/snapshot.ts")).snapshotCommand,
  lag: async () => (await import("./commands/lag.ts")).lagCommand,
  drift: async () => (await import("./commands/drift/drift.ts")).driftCommand,
  scrub: async () => (await import("./commands/scrub.ts")).scrubCommand,
  verify: async () => (await import("./commands/verify.ts")).verifyCommand,
  backup: async () => (await import("./commands/backup.ts")).backupCommand,
  restore: async () => (await import("./commands/restore.ts")).restoreCommand,
};
