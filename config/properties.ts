// Runs before each file of tests: how properties are tried.
import fc from "fast-check";

// Whoever only asks whether a property fails, and not for the shortest example, sets LOCKSTEP_SHRINK=0: to make a long
// story shorter takes a run of it per step, and minutes in all.
if (process.env.LOCKSTEP_SHRINK === "0") fc.configureGlobal({ endOnFailure: true });
