import { Draft } from "../decide/decision.ts";
import type { DueDecision } from "../decide/tick.ts";
import type { Now } from "../op.ts";
import type { Due } from "../state/due.ts";
import { remind } from "../state/reminders.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Dataset } from "./dataset.ts";
import { checkpointAtHead } from "./view.ts";

/** There are changes since the last checkpoint: makes sure that the next one is decided in time. */
export function remindOfCheckpoint(state: NamespaceState, dataset: Dataset, now: Now): void {
  if (dataset.head.seq === (dataset.checkpoint?.seq ?? 0n)) {
    dataset.uncheckedSinceMs = undefined;
    return;
  }
  dataset.uncheckedSinceMs ??= now.monotonicMs;
  const atMs = dueAtMs(dataset, dataset.uncheckedSinceMs, now);
  if (atMs >= dataset.checkpointReminderMs) return;
  dataset.checkpointReminderMs = atMs;
  remind(state, "checkpoint", dataset.id, atMs);
}

/** Makes the checkpoint of a dataset, if there is something new to tell and its time has come. */
export function decideCheckpoint(state: NamespaceState, { id, atMs }: Due, now: Now): DueDecision {
  const dataset = state.datasets.byId(id);
  const nothing = { events: [], againAtMs: undefined };
  // One that another took over.
  if (dataset === undefined || dataset.checkpointReminderMs !== atMs) return nothing;
  dataset.checkpointReminderMs = Number.POSITIVE_INFINITY;
  if (dataset.uncheckedSinceMs === undefined) return nothing;
  const againAtMs = dueAtMs(dataset, dataset.uncheckedSinceMs, now);
  if (againAtMs > now.monotonicMs) {
    dataset.checkpointReminderMs = againAtMs;
    return { events: [], againAtMs };
  }
  const draft = new Draft(state.revision, now);
  draft.add({
    case: "datasetCheckpointed",
    value: {
      $typeName: "lockstep.v1.DatasetCheckpointed",
      dataset: dataset.name,
      datasetId: dataset.id,
      checkpoint: checkpointAtHead(dataset),
    },
  });
  return { events: draft.events, againAtMs: undefined };
}

function dueAtMs({ head, checkpoint, settings }: Dataset, sinceMs: number, now: Now): number {
  const changes = head.seq - (checkpoint?.seq ?? 0n);
  return changes >= BigInt(settings.checkpointChanges)
    ? now.monotonicMs
    : sinceMs + settings.checkpointIntervalMs;
}
