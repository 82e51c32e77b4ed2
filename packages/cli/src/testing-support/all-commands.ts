import type { Command } from "commander";
import { program } from "../program.ts";

/** All commands that do something, by their full names as they are typed. */
export function allCommands(): ReadonlyMap<string, Command> {
  return new Map(
    commandsOf(
      program(() => undefined),
      "",
    ),
  );
}

function commandsOf(command: Command, name: string): [name: string, command: Command][] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((each) => commandsOf(each, `${name} ${each.name()}`.trim()));
}
