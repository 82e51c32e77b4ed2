import {
  type Flags,
  readConfig,
  SETTINGS,
  type ServerConfig,
  type Setting,
  type SettingName,
  serve,
  serverVersion,
  variableOf,
} from "@lockstep/server";
import { Command, Option } from "commander";
import { EXIT, exitCodesHelp } from "../exit-codes.ts";
import { bannerLines, type ReadyServer, readyLine } from "../serve/banner.ts";
import { tellEngine } from "../serve/engine-flags.ts";
import { invocation } from "../serve/invocation.ts";
import { untilEnded } from "../serve/until-ended.ts";

const HELP = `
Each flag can also be given as an environment variable: --new-lineage as ${variableOf(SETTINGS.newLineage)}=true.
Standard output tells when the server is ready; the log goes to standard error, one JSON object per line.
SIGTERM, SIGINT and SIGHUP stop it in good order, a second one at once.
${exitCodesHelp({
  [EXIT.ok]: "stopped by a signal",
  [EXIT.usage]: "a flag or variable that cannot be used",
  [EXIT.cannotStart]: "the address or the data cannot be used; the sentence says what to do",
  [EXIT.stopped]: "the journal failed while serving: see the log, then start again",
  "128+n": "ended at once by a second signal n",
})}`;

/** `lockstep serve`: runs a server. */
export function serveCommand(end: (exitCode: number) => void): Command {
  const command = new Command("serve").summary("run a server").description("Runs a server.");
  const options = new Map<SettingName, Option>();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const option = optionOf(SETTINGS[name]);
    options.set(name, option);
    command.addOption(option);
  }
  return command
    .option("--json", "print one line of JSON when ready instead of a banner")
    .addHelpText("after", HELP)
    .action(async (given: Record<string, string | boolean>) => {
      const flags: { [Name in SettingName]?: string | boolean | undefined } = {};
      for (const [name, option] of options) flags[name] = given[option.attributeName()];
      end(await serveUntilEnded(flags, given.json === true));
    });
}

async function serveUntilEnded(flags: Flags, json: boolean): Promise<number> {
  tellEngine();
  const config = readConfig(flags, process.env);
  const server = await serve(config);
  const ended = untilEnded(server);
  // Whoever started the server may have stopped reading; that is no reason to end.
  process.stdout.on("error", () => undefined);
  const ready = readyServer(config, server);
  const command = invocation(process.argv[1] ?? "lockstep", process.cwd());
  const lines = json ? [readyLine(ready)] : bannerLines(ready, command);
  process.stdout.write(`${lines.join("\n")}\n`);
  return await ended;
}

function readyServer(config: ServerConfig, server: Awaited<ReturnType<typeof serve>>): ReadyServer {
  return {
    address: new URL(server.url).host,
    dataFolder: server.dataFolder,
    durability: server.durability,
    version: serverVersion,
    node: config.node,
    processId: process.pid,
    insecure: server.insecure,
    testClock: config.testClock,
    grantPauseMs: server.grantPauseMs,
  };
}

/** A flag that is repeated collects its values, separated by commas. */
function optionOf({ flag, value, description }: Setting): Option {
  const option = new Option(`--${flag}${value === undefined ? "" : ` <${value}>`}`, description);
  if (value !== undefined && flag === SETTINGS.limits.flag) {
    option.argParser((given: string, before: string | undefined) =>
      before === undefined ? given : `${before},${given}`,
    );
  }
  return option;
}
