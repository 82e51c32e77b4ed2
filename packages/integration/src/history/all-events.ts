import type { Client } from "@lockstep/client";
import type { Event } from "@lockstep/protocol";

const PAGE_SIZE_MAX = 1_000;

/** The whole history of a client's namespace, page by page. */
export async function allEvents(client: Client): Promise<Event[]> {
  const events: Event[] = [];
  for (let afterRevision = 0n; ; ) {
    const page = await client.listEvents({ afterRevision, pageSize: PAGE_SIZE_MAX });
    events.push(...page.events);
    if (!page.more) return events;
    afterRevision = page.nextAfterRevision;
  }
}
