import type { Durability } from "@lockstep/protocol";
import { Durability as DurabilityValue } from "@lockstep/protocol";
import { jsonLine } from "../output/json.ts";
import { printable } from "../output/printable.ts";

/** What a server that is ready tells whoever started it. */
export interface ReadyServer {
  /** `host:port`, as a client is given it. */
  readonly address: string;
  /** The data folder; undefined when the data is in memory. */
  readonly dataFolder: string | undefined;
  readonly durability: Durability;
  readonly version: string;
  readonly node: string;
  readonly processId: number;
  /** Others than this machine can reach it without authentication. */
  readonly insecure: boolean;
  /** Time only moves when ClockService moves it. */
  readonly testClock: boolean;
  /** How long nothing is granted because a new lineage began, milliseconds. */
  readonly grantPauseMs: number;
}

const DEFAULT_ADDRESS = "127.0.0.1:7420";

const DURABILITY_SENTENCES: Readonly<Partial<Record<Durability, string>>> = {
  [DurabilityValue.NONE]: "none: everything is lost when the server ends",
  [DurabilityValue.LOCAL_DISK]: "every event is synced to disk before its reply leaves",
};

/** The line of JSON for programs. */
export function readyLine(server: ReadyServer): string {
  return jsonLine({
    address: server.address,
    data: server.dataFolder ?? null,
    durability: DurabilityValue[server.durability],
    pid: server.processId,
    version: server.version,
    node: server.node,
    insecure: server.insecure,
    testClock: server.testClock,
    grantPauseMs: server.grantPauseMs,
  });
}

/**
 * The lines for people.
 * @param command how to call `lockstep` from the same shell
 */
export function bannerLines(server: ReadyServer, command: string): string[] {
  const { address, dataFolder, durability, processId } = server;
  const durable = DURABILITY_SENTENCES[durability] ?? DurabilityValue[durability];
  const at = address === DEFAULT_ADDRESS ? "" : ` --address ${address}`;
  return [
    `Lockstep ${server.version} is ready.`,
    "",
    ...warningLines(server),
    `  address     ${printable(address)}`,
    `  data        ${dataFolder === undefined ? "in memory" : printable(dataFolder)}`,
    `  durability  ${durable}`,
    `  process     ${processId}`,
    "",
    `  try next    ${command} run demo${at} -- sh -c 'echo "holding demo with token $LOCKSTEP_TOKEN"'`,
    "  stop        Ctrl-C",
  ];
}

function warningLines(server: ReadyServer): string[] {
  const warnings = [
    server.insecure &&
      "INSECURE: this address can be reached from other machines, and nobody who calls is authenticated",
    server.testClock && "TEST CLOCK: time stands still until ClockService moves it",
    server.dataFolder === undefined && "IN MEMORY: nothing is kept when this server ends",
    server.grantPauseMs > 0 &&
      `NEW LINEAGE: nothing is granted for ${server.grantPauseMs / 1_000} s, so that whoever held a lock in the old one must have lost it`,
  ].filter((warning) => warning !== false);
  return warnings.length === 0 ? [] : [...warnings.map((warning) => `  !! ${warning}`), ""];
}
