import type { Command } from "commander";
import { program } from "../program.ts";

/** All commands that do something, by their full names as they are typed. */
export async function allCommands(): Promise<ReadonlyMap<string, Command>> {
  const root = await program(() => undefined);
  return new Map(commandsOf(root, ""));
}

function commandsOf(command: Command, name: string): [name: string, command: Command][] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((each) => commandsOf(each, `${name} ${each.name()}`.trim()));
}
