import type { DriftFound } from "../drift/found.ts";
import type { ReplicaEvent } from "../events.ts";
import type { ReplicateOptions } from "../options.ts";
import type { StoredRow } from "../rows.ts";
import { MemoryStore } from "../store/memory.ts";
import type { MemoryUser } from "../store/memory-tx.ts";
import { put, text } from "./fake-log.ts";
import { eventsOf, type World } from "./world.ts";

export const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** What a store has of a key, whatever its digest says. */
type Damage = "value" | "gone" | "extra" | "seq";

/** Changes rows behind the replica's back: no digest, no progress. */
export async function damage(store: MemoryStore, key: string, how: Damage): Promise<void> {
  await store.transaction((tx) => {
    const row = tx.published.row(text(key));
    if (how === "gone") tx.published.delete(text(key));
    if (how === "value" && row) tx.published.put({ ...row, value: text("bad") });
    if (how === "seq" && row) tx.published.put({ ...row, seq: 1n });
    if (how === "extra") tx.published.put(extraRow(key));
  });
}

/** A row that the server does not have, with a hash and a bucket that are not its own. */
export function extraRow(key: string): StoredRow {
  const entryHash = new Uint8Array(32);
  return { key: text(key), value: text("x"), seq: 1n, schemaVersion: 1, bucket: 3, entryHash };
}

/** The drift among events. */
export function found(events: readonly ReplicaEvent[]): DriftFound[] {
  return events.flatMap((event) => (event.type === "drift" ? [event.found] : []));
}

/** A replica of three rows, on a store that can be damaged. */
export async function three(here: World, options: Partial<ReplicateOptions<MemoryUser>> = {}) {
  const store = new MemoryStore();
  here.authority.append(put("a", "1"), put("b", "1"), put("c", "1"));
  const replica = await here.started({ store, ...options });
  return { store, replica, events: eventsOf(replica) };
}
