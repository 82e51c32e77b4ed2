// A program under a lock, as a user would write it: it works in steps and knows nothing of being paused.
// Arguments: the server's address, the key, the URL of the resource, how it makes sure that it still holds the lock,
// and the path of a file that appears while it is paused.
import { existsSync } from "node:fs";
import { connect } from "@lockstep/client/node";
import { realTime } from "../real-time.ts";
import { HOLDER_TTL_MS, SEQUENCER_HEADER } from "./holding.ts";

const [address = "", key = "", resource = "", care = "", sign = ""] = process.argv.slice(2);
const STEP_MS = 5;

const client = connect({ address, ttlMs: HOLDER_TTL_MS, displayName: "paused holder" });
const lock = await client.acquire(key);
say(lock.sequencer);
// Awaits a timer, as any code may, and does not look at the lock. The step that first sees the sign is the first code
// to run after the pause.
do {
  await realTime(STEP_MS, "a step of work");
} while (!existsSync(sign));
say(await writeLate());
say(`${(await lock.lost).reason} ${lock.signal.aborted} ${lock.state}`);
await client.close();

/** What comes of the next write. */
async function writeLate(): Promise<string> {
  try {
    if (care === "assertHeld") lock.assertHeld();
    if (care === "throwIfAborted") lock.signal.throwIfAborted();
    if (care === "aborted" && lock.signal.aborted) throw lock.signal.reason;
    if (care === "state" && lock.state !== "HELD") throw new Error(lock.state);
    const response = await fetch(resource, {
      method: "POST",
      headers: { [SEQUENCER_HEADER]: lock.sequencer },
      ...(care === "fetch" && { signal: lock.signal }),
    });
    return `written ${response.status}`;
  } catch (error) {
    return `stopped ${error instanceof Error ? error.name : error}`;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
