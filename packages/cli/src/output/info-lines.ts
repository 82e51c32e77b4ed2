import {
  Durability,
  type GetServerInfoResponse,
  type NamespaceCounters,
  NamespaceRole,
} from "@lockstep/protocol";
import { tableLines } from "./table.ts";

/** What a server tells of itself, as lines for people. */
export function infoLines(address: string, info: GetServerInfoResponse): string[] {
  const { header, namespace } = info;
  const server = rows([
    ["address", address],
    ["version", info.serverVersion],
    ["protocol", info.protocolVersions.join(", ")],
    ["features", info.features.join(", ")],
    ["node", info.node],
    ["cluster", header?.clusterId ?? ""],
    ["durability", Durability[info.durability] ?? "unknown"],
  ]);
  const about = namespace && [
    ...section(`namespace ${namespace.namespace}`),
    ...rows([
      ["role", NamespaceRole[namespace.role] ?? "unknown"],
      ["epoch", String(namespace.epoch)],
      ["revision", String(namespace.revision)],
      ["floor", String(namespace.floor)],
    ]),
    ...(namespace.counters ? countersLines(namespace.counters) : []),
  ];
  const limits = Object.entries(info.limits).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...server,
    ...(about ?? []),
    ...section("limits"),
    ...rows(limits.map(([name, value]) => [name, String(value)])),
  ];
}

function countersLines(counters: NamespaceCounters): string[] {
  const { batches, events, commitTimeUs } = counters;
  return [
    ...section("now"),
    ...rows([
      ["sessions", String(counters.sessions)],
      ["holds", String(counters.holds)],
      ["waiters", String(counters.waiters)],
      ["watches", String(counters.watches)],
      ["commits pending", String(counters.commitsPending)],
    ]),
    ...section("since the epoch started"),
    ...rows([
      ["operations", String(counters.operations)],
      ["keep-alives", String(counters.keepAlives)],
      ["grants", String(counters.grants)],
      ["losses", String(counters.losses)],
      ["expiries", String(counters.expiries)],
      ["events", String(events)],
      ["batches", String(batches)],
      [
        "events per batch",
        `${ratio(events, batches)} on average, ${counters.batchEventsMax} at most`,
      ],
      [
        "commit time",
        `${ratio(commitTimeUs, batches * 1_000n)} ms on average, ${ratio(counters.commitTimeUsMax, 1_000n)} ms at most`,
      ],
      ["loop lag", `${counters.loopLagMsMax} ms at most`],
    ]),
  ];
}

function section(title: string): string[] {
  return ["", ...tableLines([title], [])];
}

function rows(pairs: readonly [name: string, value: string][]): string[] {
  const [first, ...rest] = pairs;
  if (first === undefined) return [];
  return tableLines(first, rest).map((line) => `  ${line}`);
}

function ratio(sum: bigint, count: bigint): string {
  return count === 0n ? "0" : (Number(sum) / Number(count)).toFixed(2);
}
