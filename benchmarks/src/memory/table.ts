import { columns, whole } from "../columns.ts";
import { goalTable } from "../goal.ts";
import { machineLine } from "../machine.ts";
import type { Footprint, MemoryReport } from "./memory.ts";

/** The result as tables for people. */
export function memoryTable(report: MemoryReport): string {
  const { machine, startedAt, sessions, holds, footprints, keepAlives, startMs, goals } = report;
  const row = (name: string, { usedBytes, residentBytes }: Footprint) => [
    name,
    mebibytes(usedBytes),
    mebibytes(residentBytes),
  ];
  const memory = columns(
    ["memory of the server", "used MiB", "resident MiB"],
    [
      row("a tenth of the sessions", footprints.warm),
      row(`${whole(sessions)} idle sessions without a connection`, footprints.idle),
      row(`${whole(holds)} locks held`, footprints.holding),
      row("started again with them", footprints.restarted),
    ],
  );
  const figures = columns(
    ["", "figure"],
    [
      ["bytes of an idle session", whole(report.bytesPerIdleSession)],
      ["bytes of a held lock", whole(report.bytesPerHold)],
      ["start without data, ms", whole(startMs.empty)],
      ["start with all locks after a kill, ms", whole(startMs.recovery)],
      ["keep-alives per second", whole(keepAlives.perSecond)],
      ["µs of a processor for each", whole(keepAlives.cpuUsEach)],
      ["percent of a processor for all that are due", keepAlives.cpuPercent.toFixed(1)],
      ["percent without them", keepAlives.idleCpuPercent.toFixed(1)],
    ],
  );
  return [`${machineLine(machine)}\n${startedAt}`, memory, figures, goalTable(goals)].join("\n\n");
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
