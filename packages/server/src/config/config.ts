import {
  configSchema,
  SETTINGS,
  type ServerConfig,
  type SettingName,
  variableOf,
} from "./settings.ts";

/** A value that cannot be used. */
export interface ConfigProblem {
  /** Where it was given: `--listen`, `LOCKSTEP_LISTEN`. */
  readonly source: string;
  /** Why it cannot be used. */
  readonly why: string;
}

/** The configuration has bad values. The message names each and says why. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ source, why }) => `${source} ${why}`).join("\n"));
    this.problems = problems;
  }
}

/** What was given on the command line, by the name of the setting. */
export type Flags = { readonly [Name in SettingName]?: string | boolean | undefined };

/**
 * Reads a server's configuration: a flag wins over its environment variable, an empty variable counts
 * as none, and what is not given has its default.
 * @throws ConfigError
 */
export function readConfig(
  flags: Flags,
  variables: Readonly<Record<string, string | undefined>>,
): ServerConfig {
  const given: Record<string, string | boolean> = {};
  const sources = new Map<string, string>();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const setting = SETTINGS[name];
    const variable = variableOf(setting);
    const value = flags[name] ?? (variables[variable] || undefined);
    if (value === undefined) continue;
    given[name] = value;
    sources.set(name, flags[name] === undefined ? variable : `--${setting.flag}`);
  }
  const parsed = configSchema.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map(({ path, message }) => problemOf(String(path[0]), message, sources)),
    );
  }
  return parsed.data;
}

function problemOf(name: string, why: string, sources: Map<string, string>): ConfigProblem {
  return { source: sources.get(name) ?? `--${SETTINGS[name as SettingName].flag}`, why };
}
