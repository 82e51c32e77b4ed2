import { createClient } from "@connectrpc/connect";
import { LockService } from "@lockstep/protocol";
import type { World } from "../run/world.ts";
import { type Life, transportOver } from "./client-host.ts";

/** Far above what the client itself uses up in a run. */
const OWN_IDS_FROM = 1_000_000n;

/**
 * Sends a Release that no client should: for a hold of this session or of another, with a token it never had. It
 * must find nothing to release.
 */
export async function releaseStale(world: World, life: Life, which: number): Promise<void> {
  const { session } = life.renewals;
  const { holds } = world.checker.history.ledger;
  const live = [...holds.values()].filter(({ to }) => to === undefined);
  const hold = live[which % Math.max(1, live.length)];
  if (session === undefined || hold === undefined) return;
  const others = hold.sessionId !== session.sessionId;
  // Its own token is no use to anybody else; to itself, a number from before its first one is none.
  const token = others ? (hold.tokens.at(-1)?.token ?? 0n) : hold.id - 1n;
  const service = createClient(LockService, transportOver(life.wires.control, life.renewals));
  const requestId = OWN_IDS_FROM + BigInt(world.scheduler.steps);
  await service.release({ session, requestId, holdId: hold.id, token }).catch(() => undefined);
}
