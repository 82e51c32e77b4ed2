import type { Event } from "@lockstep/protocol";
import { adminEvents } from "./events/admin.ts";
import { datasetEvents } from "./events/datasets.ts";
import type { Facts } from "./events/facts.ts";
import { holdEvents } from "./events/holds.ts";
import { sessionEvents } from "./events/sessions.ts";
import { ticketEvents } from "./events/tickets.ts";
import { printable } from "./printable.ts";
import { timeText } from "./time.ts";

const KIND_WIDTH = 20;
const REVISION_WIDTH = 6;

type Body = Exclude<Event["body"], { case: undefined }>;

/** What each event tells. Without an entry for one, this does not compile. */
const FACTS: { readonly [Case in Body["case"]]: (value: ValueOf<Case>) => Facts } = {
  ...sessionEvents,
  ...ticketEvents,
  ...holdEvents,
  ...adminEvents,
  ...datasetEvents,
};

type ValueOf<Case extends Body["case"]> = Extract<Body, { case: Case }>["value"];

/** An event as one line for people. */
export function eventLine(event: Event): string {
  const { kind, facts } = described(event);
  const about = Object.entries({
    ...facts,
    by: event.actor,
    correlation: event.correlationId,
    because: event.reason,
  })
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}=${quoted(value)}`);
  const revision = String(event.revision).padStart(REVISION_WIDTH);
  return [revision, timeText(event.decidedAtMs), kind.padEnd(KIND_WIDTH), ...about]
    .join(" ")
    .trimEnd();
}

function described({ body }: Event): { kind: string; facts: Facts } {
  if (body.case === undefined) return { kind: "unknown event", facts: {} };
  const factsOf = FACTS[body.case] as (value: typeof body.value) => Facts;
  return { kind: inWords(body.case), facts: factsOf(body.value) };
}

/** `lockGranted` as `lock granted`. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function quoted(value: string): string {
  const safe = printable(value);
  return /[\s="]/.test(safe) ? `"${safe.replaceAll('"', '\\"')}"` : safe;
}
