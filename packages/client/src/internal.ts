// What the tests of @lockstep/replica share with those of this package. Packages do not contain this entry.
export { ManualClock } from "./ports/manual-clock.ts";
