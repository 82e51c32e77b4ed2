import { setFlagsFromString } from "node:v8";

/**
 * Tells the engine to guess less. It puts objects straight into its old generation where those made by the same code
 * once lived long, and requests do when many are under way at the start. There they are collected seldom, and until
 * then keep all they point at, and a server under load copies what is garbage. Before
 * anything else runs, as code that is compiled already keeps what was guessed for it.
 */
export function tellEngine(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
