import { LockOrdering, type NamespaceSettings } from "@lockstep/protocol";
import { nameIn } from "./name-in.ts";
import { durationText } from "./time.ts";

/** The settings of a namespace as people read them, by the names of the flags that set them. */
export function settingsText(settings: NamespaceSettings | undefined): string {
  const { ordering, quarantineAfterLosses: losses } = settings ?? {
    ordering: LockOrdering.NONE,
    quarantineAfterLosses: 0,
  };
  const order = nameIn(LockOrdering, ordering || LockOrdering.NONE).toLowerCase();
  const within = losses > 0 ? ` within ${durationText(settings?.quarantineWindowMs ?? 0n)}` : "";
  return `ordering ${order}, quarantine ${losses > 0 ? `after ${losses} losses${within}` : "never"}`;
}
