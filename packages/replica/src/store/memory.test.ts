import { MemoryStore } from "./memory.ts";
import type { MemoryUser } from "./memory-tx.ts";
import { storeContract } from "./store-contract.ts";

storeContract<MemoryUser>("the store in memory", async () => {
  const store = new MemoryStore();
  return {
    open: async () => store,
    write: (user, value) => user.set(value, true),
    written: async () => [...store.user.keys()],
  };
});
