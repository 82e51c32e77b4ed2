import type { Event } from "@lockstep/protocol";
import type { World } from "../run/world.ts";
import { GIVEN_UP } from "./attempt.ts";
import { type Life, sleep } from "./client-host.ts";

/** Watches a key, or everything, for a while, and compares what came with the history. */
export async function watchFor(
  world: World,
  { client, process }: Life,
  key: string,
  forMs: number,
  slowMs: number,
): Promise<void> {
  const { readings, history } = world.checker;
  const afterRevision = history.tail;
  const { rewinds } = history;
  const stop = new AbortController();
  process.after(forMs, () => stop.abort(GIVEN_UP));
  const seen: Event[] = [];
  const selection = key === "" ? {} : { keys: [key] };
  const chosen = (event: Event) => key === "" || keysOf(event).includes(key);
  try {
    for await (const event of client.watch({ ...selection, afterRevision, signal: stop.signal })) {
      seen.push(event);
      if (slowMs > 0) await sleep(process, slowMs);
    }
  } finally {
    const last = seen.at(-1)?.revision ?? afterRevision;
    if (rewinds === history.rewinds)
      world.checker.watch(() => readings.events(seen, afterRevision, last, chosen));
    if (seen.length > 0) world.marks.hit("watch sees events");
  }
}

function keysOf({ body }: Event): string[] {
  const { value } = body;
  if (value === undefined) return [];
  if ("targets" in value) return value.targets.map(({ key }) => key);
  if ("target" in value) return value.target ? [value.target.key] : [];
  return "key" in value ? [value.key] : [];
}
