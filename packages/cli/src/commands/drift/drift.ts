import { Command } from "commander";
import { checkCommand } from "./check.ts";
import { repairCommand } from "./repair.ts";

/** `lockstep drift`: whether the rows of a replica are the server's. */
export function driftCommand(end: (exitCode: number) => void): Command {
  return new Command("drift")
    .summary("compare a replica's SQLite file with the server, and repair it")
    .description(
      "Looks at every row of a replica's SQLite file, names the keys that are missing, extra or divergent, and repairs just those.",
    )
    .addCommand(checkCommand(end))
    .addCommand(repairCommand(end));
}
