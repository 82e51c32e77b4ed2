import type { Event } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import { changeCount, convert, endHold, grant } from "./apply-holds.ts";
import { endDelay, lose } from "./apply-losses.ts";
import {
  changePolicy,
  clearKey,
  configure,
  end,
  open,
  quarantine,
  startEpoch,
} from "./apply-sessions.ts";
import { endWait, queue, queueConvert } from "./apply-waits.ts";
import type { Ledger } from "./records.ts";

/** What an event is applied to, and what is known beside it. */
export interface Applied {
  readonly ledger: Ledger;
  readonly marks: Marks;
  readonly event: Event;
  /** True time at which it was decided. */
  readonly trueMs: number;
}

type Case = NonNullable<Event["body"]["case"]>;
type Body<C extends Case> = Extract<Event["body"], { case: C }>["value"];
type Appliers = { readonly [C in Case]?: (applied: Applied, body: Body<C>) => void };

/** What each kind of event does to the ledger; what is missing does nothing. */
const APPLIERS: Appliers = {
  epochStarted: ({ ledger, trueMs, marks }, body) => startEpoch(ledger, body, trueMs, marks),
  sessionOpened: ({ ledger, event }, body) => open(ledger, body, event),
  sessionEnded: ({ ledger, event, marks }, body) => end(ledger, body, event.revision, marks),
  lockQueued: ({ ledger, event }, body) => queue(ledger, body, event.revision),
  convertQueued: ({ ledger, event, marks }, body) =>
    queueConvert(ledger, body, event.revision, marks),
  ticketEnded: ({ ledger, event, marks }, body) => endWait(ledger, body, event.revision, marks),
  lockGranted: ({ ledger, event, trueMs, marks }, body) =>
    grant(ledger, body, event, trueMs, marks),
  holdCountChanged: ({ ledger, marks }, body) => changeCount(ledger, body, marks),
  holdConverted: ({ ledger, event, marks }, body) => convert(ledger, body, event.revision, marks),
  lockReleased: ({ ledger, event }, body) => {
    endHold(ledger, body, event.revision, "released");
  },
  holdTransferred: ({ ledger, event }, body) => {
    endHold(ledger, body, event.revision, "transferred");
  },
  lockLost: ({ ledger, event, trueMs, marks }, body) =>
    lose(ledger, body, event.revision, trueMs, marks),
  delayEnded: ({ ledger, event, trueMs, marks }, body) =>
    endDelay(ledger, body, event, trueMs, marks),
  keyQuarantineCleared: ({ ledger, marks }, body) => clearKey(ledger, body, marks),
  identityQuarantined: ({ ledger, marks }, body) => quarantine(ledger, body, marks),
  identityQuarantineCleared: ({ ledger }, { principal }) =>
    void ledger.quarantined.delete(principal),
  policyChanged: ({ ledger, marks }, body) => changePolicy(ledger, body, marks),
  namespaceConfigured: ({ ledger, marks }, body) => configure(ledger, body, marks),
  holdValueSet: ({ marks }) => marks.hit("value set"),
  releaseRequested: ({ marks }) => marks.hit("release requested"),
};

/** Applies an event. @throws Violation when it may not follow from what was before */
export function apply(applied: Applied): void {
  const { body } = applied.event;
  if (body.case === undefined) return;
  const applier = APPLIERS[body.case] as ((applied: Applied, body: unknown) => void) | undefined;
  applier?.(applied, body.value);
}
