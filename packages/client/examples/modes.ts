import { connect } from "@lockstep/client/node";

const address = process.env.LOCKSTEP_ADDRESS ?? "127.0.0.1:7420";
await using reader = connect({ address, displayName: "reader" });
await using writer = connect({ address, displayName: "writer" });

// Several keys are granted together or not at all. Readers stand beside one another, and beside one UPGRADABLE.
const reading = await reader.acquire(["catalog/a", "catalog/b"], { mode: "SHARED" });
await using both = await writer.acquire(["catalog/a", "catalog/b"], { mode: "UPGRADABLE" });
console.log("together:", reading.mode, both.mode);

// Whoever is asked may finish first, and gives the lock back.
reading.onReleaseRequested(({ reason }) => {
  console.log("asked:", reason);
  void reading.release();
});
await writer.requestRelease({ key: "catalog/a", token: reading.token, reason: "new catalog" });

// UPGRADABLE becomes EXCLUSIVE when the readers are gone, before everybody who waits.
const before = both.token;
await both.convert("EXCLUSIVE", { key: "catalog/a" });
console.log("now:", both.modeOf("catalog/a"), "newer token:", both.token > before);
