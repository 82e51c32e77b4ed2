import {
  type CreateNamespaceRequest,
  type ListNamespacesRequest,
  LockOrdering,
  type NamespaceSettings,
  type UpdateNamespaceRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkAct } from "./admin.ts";
import {
  checkCount,
  checkDuration,
  checkEnum,
  checkName,
  checkNumber,
  checkPageSize,
  checkPageToken,
} from "./fields.ts";

const LOSSES_MAX = 10_000;
const WINDOW_MS_MIN = 1_000;
const WINDOW_MS_MAX = 86_400_000;

/** The bounds of a CreateNamespaceRequest. */
export function checkCreateNamespace(request: CreateNamespaceRequest): void {
  checkName("namespace", request.namespace);
  if (request.settings !== undefined) checkSettings(request.settings);
  checkAct(request);
}

/** The bounds of an UpdateNamespaceRequest. */
export function checkUpdateNamespace(request: UpdateNamespaceRequest): void {
  checkName("namespace", request.namespace);
  if (request.settings === undefined) throw invalidField("settings", "is required");
  checkSettings(request.settings);
  checkNumber("expected_version", request.expectedVersion);
  checkAct(request);
}

/** The bounds of a ListNamespacesRequest. */
export function checkListNamespaces(request: ListNamespacesRequest): void {
  checkPageSize(request.pageSize);
  checkPageToken(request.pageToken);
}

function checkSettings(settings: NamespaceSettings): void {
  const { ordering, quarantineAfterLosses, quarantineWindowMs } = settings;
  checkEnum("settings.ordering", LockOrdering, ordering, "optional");
  checkCount("settings.quarantine_after_losses", quarantineAfterLosses, LOSSES_MAX);
  if (quarantineAfterLosses > 0) {
    checkDuration(
      "settings.quarantine_window_ms",
      quarantineWindowMs,
      WINDOW_MS_MIN,
      WINDOW_MS_MAX,
    );
  } else if (quarantineWindowMs !== 0n) {
    throw invalidField(
      "settings.quarantine_window_ms",
      "must be 0 unless quarantine_after_losses is above 0",
    );
  }
}
