// `pnpm bench NAME`: each benchmark is a command of its own, which prints a table and, with --json, a file.
import { chartCommand } from "./chart/command.ts";
import { growthCommand } from "./growth/command.ts";
import { locksCommand } from "./locks/command.ts";
import { memoryCommand } from "./memory/command.ts";
import { replicationCommand } from "./replication/command.ts";
import { soakCommand } from "./soak/command.ts";

/** Runs with the arguments after its name. Resolves whether all went well. */
type Command = (args: string[]) => Promise<boolean>;

const COMMANDS: Readonly<Record<string, Command>> = {
  locks: locksCommand,
  memory: memoryCommand,
  growth: growthCommand,
  replication: replicationCommand,
  soak: soakCommand,
  chart: chartCommand,
};

// Whatever ends it, what it has started ends with it, at the event `exit`.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(1));
}

const [name = "", ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined) {
  process.stderr.write(`usage: pnpm bench ${Object.keys(COMMANDS).join(" | ")} [options]\n`);
  process.exit(2);
}
process.exitCode = (await command(args)) ? 0 : 1;
