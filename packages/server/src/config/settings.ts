import { DEFAULT_LIMITS, type Limits, nameProblem, textProblem } from "@lockstep/protocol";
import { z } from "zod";
import { LOG_LEVELS } from "../log/log.ts";

/** One thing a server can be told, by a flag or by an environment variable. */
export interface Setting {
  /** The name of the flag without its dashes; the variable is the same in capitals after `LOCKSTEP_`. */
  readonly flag: string;
  /** What stands for the value in the help; undefined when the flag stands alone. */
  readonly value?: string;
  /** For the help. */
  readonly description: string;
}

const FOLDER_CHARACTERS = 4_096;
const NODE_BYTES = 128;
const DRAIN_MS_MAX = 600_000;
const EVENTS_MAX = 1_000_000_000_000;
// A thousand years.
const HISTORY_AGE_MS_MAX = 31_557_600_000_000;

/** Everything a server can be told. */
export const SETTINGS = {
  listen: {
    flag: "listen",
    value: "HOST:PORT",
    description: "where to listen; port 0 lets the system choose (default 127.0.0.1:7420)",
  },
  insecureListen: {
    flag: "insecure-listen",
    description: "listen on an address others can reach although nobody is authenticated",
  },
  dataFolder: {
    flag: "data",
    value: "FOLDER",
    description: "where the data is kept (default ./.lockstep)",
  },
  namespaces: {
    flag: "namespaces",
    value: "NAMES",
    description:
      "namespaces to serve beside default and those there are, separated by commas (default none)",
  },
  journal: {
    flag: "journal",
    value: "KIND",
    description: "sqlite, or memory, which loses everything at the end (default sqlite)",
  },
  development: {
    flag: "dev",
    description: "a development run: allows --journal memory, and no pause after --new-lineage",
  },
  newLineage: {
    flag: "new-lineage",
    description: "begin a new history on data that cannot prove it is complete",
  },
  node: {
    flag: "node",
    value: "NAME",
    description: "the server's own name, shown in events (default lockstep)",
  },
  corsOrigins: {
    flag: "cors-origins",
    value: "ORIGINS",
    description: "web pages of these origins may call, separated by commas (default none)",
  },
  limits: {
    flag: "limit",
    value: "NAME=NUMBER",
    description:
      "another limit than the default, repeatable or separated by commas; `lockstep info` lists them",
  },
  snapshotEvents: {
    flag: "snapshot-events",
    value: "COUNT",
    description:
      "a snapshot is made after this many events, or as many as there are live objects if that is more (default 50000)",
  },
  historyEvents: {
    flag: "history-events",
    value: "COUNT",
    description: "how many of the last events are kept as history (default 1000000)",
  },
  historyAgeMs: {
    flag: "history-age-ms",
    value: "MS",
    description: "how long events are kept as history (default 604800000, 7 days)",
  },
  logLevel: {
    flag: "log-level",
    value: "LEVEL",
    description: `${LOG_LEVELS.join(", ")} (default info)`,
  },
  drainMs: {
    flag: "drain-ms",
    value: "MS",
    description: "how long stopping waits for calls under way (default 5000)",
  },
  testClock: {
    flag: "test-clock",
    description: "stand on virtual time that only ClockService moves; for tests",
  },
} as const satisfies Record<string, Setting>;

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** The environment variable of a setting. */
export function variableOf({ flag }: Setting): string {
  return `LOCKSTEP_${flag.toUpperCase().replaceAll("-", "_")}`;
}

const yes = z
  .union([z.boolean(), z.string()])
  .transform((given, context) => {
    if (given === true || given === "true" || given === "1") return true;
    if (given === false || given === "false" || given === "0") return false;
    return refuse(context, "must be true or false");
  })
  .default(false);

const listen = z
  .string()
  .default("127.0.0.1:7420")
  .transform((given, context) => {
    const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(given) ?? [];
    const host = bracketed ?? plain;
    const port = Number(digits);
    if (host === undefined || port > 65_535) {
      return refuse(context, "must be HOST:PORT, such as 127.0.0.1:7420 or [::1]:7420");
    }
    return { host, port };
  });

const dataFolder = z
  .string()
  .min(1, "must not be empty")
  .max(FOLDER_CHARACTERS, `must not be longer than ${FOLDER_CHARACTERS} characters`)
  .default("./.lockstep");

const namespaces = z
  .string()
  .default("")
  .transform((given, context): readonly string[] => {
    const names = given === "" ? [] : given.split(",").map((name) => name.trim());
    for (const name of names) {
      const problem = nameProblem(name);
      if (problem !== undefined) return refuse(context, `${JSON.stringify(name)} ${problem}`);
    }
    return names;
  });

const node = z
  .string()
  .min(1, "must not be empty")
  .superRefine((given, context) => {
    const problem = textProblem(given, NODE_BYTES);
    if (problem !== undefined) refuse(context, problem);
  })
  .default("lockstep");

const corsOrigins = z
  .string()
  .default("")
  .transform((given, context) => {
    const origins = given === "" ? [] : given.split(",").map((origin) => origin.trim());
    const wrong = origins.some((origin) => !/^https?:\/\/[^/\s]+$/.test(origin));
    return wrong ? refuse(context, "must be origins such as http://localhost:5173") : origins;
  });

const limits = z
  .string()
  .default("")
  .transform((given, context): Limits => {
    const changed: Record<string, number> = {};
    for (const entry of given === "" ? [] : given.split(",")) {
      const [, name = "", digits = ""] = /^\s*([a-z_]+)=(\d{1,15})\s*$/.exec(entry) ?? [];
      if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
        return refuse(
          context,
          `must be NAME=NUMBER of known limits, not ${JSON.stringify(entry)}; lockstep info lists them`,
        );
      }
      if (Number(digits) < 1) return refuse(context, `${name} must be at least 1`);
      changed[name] = Number(digits);
    }
    return { ...DEFAULT_LIMITS, ...changed };
  });

const drainMs = wholeNumber(5_000, 0, DRAIN_MS_MAX, "milliseconds");

/** The schema of a server's configuration, from texts as flags and variables give them. */
export const configSchema = z
  .object({
    listen,
    insecureListen: yes,
    dataFolder,
    namespaces,
    journal: z.enum(["sqlite", "memory"], "must be sqlite or memory").default("sqlite"),
    development: yes,
    newLineage: yes,
    node,
    corsOrigins,
    limits,
    snapshotEvents: wholeNumber(50_000, 1, EVENTS_MAX, "events"),
    historyEvents: wholeNumber(1_000_000, 0, EVENTS_MAX, "events"),
    historyAgeMs: wholeNumber(604_800_000, 0, HISTORY_AGE_MS_MAX, "milliseconds"),
    logLevel: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`).default("info"),
    drainMs,
    testClock: yes,
  })
  .superRefine(({ namespaces, limits: { max_namespaces } }, context) => {
    if (new Set(["default", ...namespaces]).size > max_namespaces) {
      context.addIssue({
        code: "custom",
        path: ["namespaces"],
        message: `and default must not be more than max_namespaces, ${max_namespaces}`,
      });
    }
  })
  .superRefine(({ journal, development, testClock }, context) => {
    if (journal === "memory" && !development && !testClock) {
      context.addIssue({
        code: "custom",
        path: ["journal"],
        message: "memory keeps nothing: give --dev or --test-clock with it",
      });
    }
  });

/** How a server is set up. */
export type ServerConfig = z.output<typeof configSchema>;

function wholeNumber(byDefault: number, least: number, most: number, unit: string) {
  return z
    .union([z.string(), z.number()])
    .default(byDefault)
    .transform((given, context) => {
      const number = Number(given);
      const good = Number.isInteger(number) && number >= least && number <= most && given !== "";
      return good ? number : refuse(context, `must be ${least} to ${most} ${unit}`);
    });
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}
