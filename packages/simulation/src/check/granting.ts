import { LockMode, type LockTarget } from "@lockstep/protocol";
import { aheadOf, everyoneIn, inTheWay } from "./conflicts.ts";
import type { HoldRecord, Ledger, SessionRecord, TicketRecord } from "./records.ts";
import { demand } from "./violation.ts";

/** A grant as an event tells of it. */
export interface Grant {
  readonly revision: bigint;
  readonly session: SessionRecord;
  readonly owner: string;
  readonly targets: readonly LockTarget[];
  /** What it waited with. */
  readonly ticket: TicketRecord | undefined;
  /** Given by its holder to this waiter, past everybody else. */
  readonly transferred: boolean;
}

/** Whether a lock may be granted now, by the words of the contract. */
export function mayBeGranted(ledger: Ledger, grant: Grant): void {
  const { revision, session, owner, targets, ticket, transferred } = grant;
  const nobody = () => [];
  const ahead = ticket === undefined ? everyoneIn(ledger) : aheadOf(ledger, ticket);
  for (const other of inTheWay(ledger, { targets, ahead: transferred ? nobody : ahead })) {
    const { key, hold, delayed, waiter } = other;
    demand(
      hold === undefined,
      "no two conflicting holds",
      () => `revision ${revision} grants ${key} beside hold ${hold?.id}`,
    );
    demand(
      delayed === undefined,
      "a delayed key is not granted",
      () => `revision ${revision} grants ${key} although lost hold ${delayed?.id} delays it`,
    );
    demand(
      waiter === undefined,
      "locks are granted in order of arrival",
      () => `revision ${revision} grants ${key} before ticket ${waiter?.id}`,
    );
  }
  for (const { key } of targets) {
    demand(
      ledger.keyOf(key).quarantine === undefined,
      "a quarantined key is not granted",
      () => `revision ${revision} grants ${key}`,
    );
  }
  if (!transferred) {
    for (const target of targets) allowsMode(ledger, target, revision);
    demand(
      !ledger.quarantined.has(session.principal),
      "a quarantined identity is granted nothing",
      () => `revision ${revision} grants to ${session.principal}`,
    );
  }
  if (ticket === undefined) ownerMayAsk(ledger, session, owner, targets, revision);
}

/** Whether an owner may ask for this, at the moment it does. */
export function ownerMayAsk(
  ledger: Ledger,
  session: SessionRecord,
  owner: string,
  targets: readonly LockTarget[],
  revision: bigint,
): void {
  if (owner === "") return;
  const mine = holdsOf(session, owner);
  const keys = new Set(mine.flatMap((hold) => hold.targets.map(({ key }) => key)));
  demand(
    !targets.some(({ key }) => keys.has(key)),
    "an owner takes no key twice",
    () =>
      `revision ${revision} lets ${owner} of session ${session.id} take ${targets.map(({ key }) => key)}`,
  );
  const busy = [...session.tickets].some((ticket) => ticket.owner === owner);
  demand(
    !busy,
    "an owner waits for one thing at a time",
    () => `revision ${revision}: ${owner} of session ${session.id} waits already`,
  );
  const descends = targets.some(({ key }) => [...keys].some((held) => key <= held));
  demand(
    !ledger.ascending || !descends,
    "locks are taken in ascending order",
    () =>
      `revision ${revision} lets ${owner} of session ${session.id} take ${targets.map(({ key }) => key)} with ${[...keys]}`,
  );
}

/** What an owner holds. */
function holdsOf(session: SessionRecord, owner: string): HoldRecord[] {
  return [...session.holds].filter((hold) => hold.owner === owner);
}

/** Whether the policy of a key takes this mode. */
export function allowsMode(
  ledger: Ledger,
  { key, mode, permits }: LockTarget,
  revision: bigint,
): void {
  const offered = ledger.permitsOf(key);
  const fits = mode === LockMode.PERMITS ? permits <= offered : offered === 0;
  demand(
    fits,
    "a policy is kept",
    () =>
      `revision ${revision} lets ${LockMode[mode]} ${permits} on ${key}, which offers ${offered} permits`,
  );
}
