// What the simulation replaces or observes, apart from the door. Packages do not contain this entry.
export type { Lineage } from "./executor/open-namespace.ts";
export { LoopLag } from "./ports/loop-lag.ts";
export { principalKey } from "./rpc/guard/call.ts";
export { coreCodec } from "./snapshot/core-codec.ts";
export { InProcessMaker } from "./snapshot/maker.ts";
