import { Refusal } from "../refusal.ts";
import { World } from "../testing-support/world.ts";
import { checkGrants, checkInvariants } from "./invariants.ts";
import { type Move, movesOf, offer, Played } from "./moves.ts";
import { spellState } from "./spell-state.ts";

/** How far an exploration came. */
export interface Explored {
  /** So many moves away from the beginning every state was reached. */
  readonly depth: number;
  /** Distinct states. */
  readonly states: number;
  readonly moves: number;
  /** Nothing new can be reached. */
  readonly complete: boolean;
}

/** How often a hold is entered again at most, and how many moves a path has: beyond it nothing is looked at. */
const COUNT_MAX = 2;

/**
 * Tries every move in every distinct state, nearest first, until nothing new is found or `isOver` says so.
 * @throws Error with the moves that lead there when an invariant does not hold
 */
export function explore(clients: number, isOver: () => boolean): Explored {
  const moves = movesOf(clients);
  const seen = new Set([spellState(playedAlong(clients, []))]);
  let frontier: (readonly Move[])[] = [[]];
  let [depth, made] = [0, 0];
  while (frontier.length > 0) {
    const next: (readonly Move[])[] = [];
    for (const path of frontier) {
      if (isOver()) return { depth, states: seen.size, moves: made, complete: false };
      made += moves.length;
      for (const found of expanded(clients, path, moves, seen)) next.push(found);
    }
    depth += 1;
    frontier = next;
  }
  return { depth, states: seen.size, moves: made, complete: true };
}

/** The paths to states that had not been seen, one move further. */
function expanded(
  clients: number,
  path: readonly Move[],
  moves: readonly Move[],
  seen: Set<string>,
): (readonly Move[])[] {
  const found: (readonly Move[])[] = [];
  let played = playedAlong(clients, path);
  const here = spellState(played);
  for (const move of moves) {
    const there = spelledAfter(played, move, path);
    // What changed nothing can be followed by the next move.
    if (there === here) continue;
    if (!seen.has(there) && isWithin(played)) {
      seen.add(there);
      found.push([...path, move]);
      checkedAfter(played, [...path, move]);
    }
    played = playedAlong(clients, path);
  }
  return found;
}

function playedAlong(clients: number, path: readonly Move[]): Played {
  const world = new World();
  world.checked = false;
  const played = new Played(world, clients);
  offer(played, 2);
  for (const move of path) happen(played, move);
  return played;
}

/** The state that a move leads to. */
function spelledAfter(played: Played, move: Move, path: readonly Move[]): string {
  const { world } = played;
  const { revision } = world.state;
  const before = new Set(world.batches);
  try {
    if (happen(played, move) && world.state.revision !== revision)
      throw new Error("broken: what is refused makes no event");
    const made = world.batches.filter((batch) => !before.has(batch)).flat();
    checkGrants(world.state, made);
    return spellState(played);
  } catch (error) {
    throw told([...path, move], error);
  }
}

function checkedAfter(played: Played, path: readonly Move[]): void {
  try {
    checkInvariants(played.world.state);
  } catch (error) {
    throw told(path, error);
  }
}

function told(path: readonly Move[], cause: unknown): Error {
  return new Error(`after: ${path.map(({ name }) => name).join(", ")}`, { cause });
}

/** Lets clients whose sessions have ended open others, as clients do, and says whether the move was refused. */
function happen(played: Played, move: Move): boolean {
  let refused = false;
  try {
    move.happen(played);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refused = true;
  }
  if (!refused) for (const client of played.clients) played.session(client);
  return refused;
}

function isWithin({ world }: Played): boolean {
  return [...world.state.holds.values()].every(({ count }) => count <= COUNT_MAX);
}
