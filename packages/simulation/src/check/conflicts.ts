import { LockMode, type LockTarget } from "@lockstep/protocol";
import { type HoldRecord, type Ledger, type TicketRecord, targetOf } from "./records.ts";

/** Who stands in the way of a request: a holder, a lost hold that still blocks, or an earlier waiter. */
export interface InTheWay {
  readonly key: string;
  readonly hold?: HoldRecord;
  readonly delayed?: HoldRecord;
  readonly waiter?: TicketRecord;
}

/** Who asks. */
export interface Asking {
  readonly targets: readonly LockTarget[];
  /** The hold it would change, which is not in its own way. */
  readonly own?: HoldRecord | undefined;
  /** Those who wait and come first. */
  readonly ahead: (key: string) => readonly TicketRecord[];
}

/** Whether two modes exclude each other. Permits are counted, not compared. */
export function modesConflict(a: LockMode, b: LockMode): boolean {
  if (a === LockMode.PERMITS || b === LockMode.PERMITS) return a !== b;
  if (a === LockMode.SHARED) return b === LockMode.EXCLUSIVE;
  return a === LockMode.EXCLUSIVE || b !== LockMode.SHARED;
}

/** Everybody in the way of a request, by the words of the contract. */
export function inTheWay(ledger: Ledger, { targets, own, ahead }: Asking): InTheWay[] {
  return targets.flatMap((target) => {
    const { key } = target;
    const { holds, delays } = ledger.keyOf(key);
    const others: InTheWay[] = [
      ...[...holds].filter((hold) => hold !== own).map((hold) => ({ key, hold })),
      ...[...delays].map(({ hold }) => ({ key, delayed: hold })),
      ...ahead(key).map((waiter) => ({ key, waiter })),
    ];
    if (target.mode !== LockMode.PERMITS) return others.filter((other) => excludes(other, target));
    const taken = others
      .map((other) => wanted(other))
      .filter(({ mode }) => mode === LockMode.PERMITS)
      .reduce((sum, { permits }) => sum + permits, 0);
    const tooMany = taken + target.permits > ledger.permitsOf(key);
    return others.filter((other) => tooMany || excludes(other, target));
  });
}

/** Those who wait for a key and come before a ticket: conversions first, then by arrival. */
export function aheadOf(ledger: Ledger, ticket: TicketRecord): (key: string) => TicketRecord[] {
  return (key) => {
    const queue = [...ledger.keyOf(key).queue].filter((other) => other !== ticket);
    return queue.filter((other) => {
      if ((other.convertOf === undefined) !== (ticket.convertOf === undefined)) {
        return other.convertOf !== undefined;
      }
      return other.id < ticket.id;
    });
  };
}

/** All who wait for a key. */
export function everyoneIn(ledger: Ledger): (key: string) => TicketRecord[] {
  return (key) => [...ledger.keyOf(key).queue];
}

function wanted({ key, hold, delayed, waiter }: InTheWay): LockTarget {
  return targetOf((hold ?? delayed ?? waiter)?.targets ?? [], key);
}

function excludes(other: InTheWay, { mode }: LockTarget): boolean {
  return modesConflict(mode, wanted(other).mode);
}
