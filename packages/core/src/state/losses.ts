import type { NamespaceState } from "./state.ts";

// When sessions of each principal were lost, as far as the automatic quarantine may ask: the newest
// losses within its window, at most one more than it tolerates. Principals stand in the order of their last
// loss, so that those whose losses are too old are found at the front.

/** Takes the loss of a session down, if anybody counts. */
export function noteLoss(state: NamespaceState, principal: string, atMs: number): void {
  const { lossesByPrincipal, settings } = state;
  const max = settings.quarantineAfterLosses;
  if (max === 0) return;
  const fromMs = atMs - Number(settings.quarantineWindowMs);
  const losses = (lossesByPrincipal.get(principal) ?? []).filter((lostMs) => lostMs >= fromMs);
  losses.push(atMs);
  lossesByPrincipal.delete(principal);
  lossesByPrincipal.set(principal, losses.slice(-(max + 1)));
  for (const [name, times] of lossesByPrincipal) {
    if ((times.at(-1) ?? fromMs) >= fromMs) return;
    lossesByPrincipal.delete(name);
  }
}

/** Whether one more loss is more than is tolerated of a principal. */
export function isOneTooMany(state: NamespaceState, principal: string, atMs: number): boolean {
  const { lossesByPrincipal, settings } = state;
  const max = settings.quarantineAfterLosses;
  if (max === 0) return false;
  const fromMs = atMs - Number(settings.quarantineWindowMs);
  const losses = (lossesByPrincipal.get(principal) ?? []).filter((lostMs) => lostMs >= fromMs);
  return losses.length + 1 > max;
}

/** Forgives a principal what it has lost. */
export function forgetLosses({ lossesByPrincipal }: NamespaceState, principal: string): void {
  lossesByPrincipal.delete(principal);
}

/** Keeps no more than the settings, which have changed, may ask for. */
export function trimLosses({ lossesByPrincipal, settings }: NamespaceState): void {
  const max = settings.quarantineAfterLosses;
  if (max === 0) lossesByPrincipal.clear();
  else
    for (const [principal, losses] of lossesByPrincipal)
      if (losses.length > max + 1) lossesByPrincipal.set(principal, losses.slice(-(max + 1)));
}
