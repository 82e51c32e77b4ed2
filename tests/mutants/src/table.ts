import type { Mutant } from "./mutant.ts";
import { client } from "./table/client.ts";
import { coreGrants } from "./table/core-grants.ts";
import { coreHolds } from "./table/core-holds.ts";
import { coreRecovery } from "./table/core-recovery.ts";
import { replicationAppend } from "./table/replication-append.ts";
import { replicationCopies } from "./table/replication-copies.ts";
import { replicationReplicas } from "./table/replication-replicas.ts";
import { server } from "./table/server.ts";

/** The rules that appends, replicas and their copies rest on. */
export const replicationMutants: readonly Mutant[] = [
  ...replicationAppend,
  ...replicationReplicas,
  ...replicationCopies,
];

/** Every rule of safety whose loss a test must notice. */
export const mutants: readonly Mutant[] = [
  ...coreGrants,
  ...coreHolds,
  ...coreRecovery,
  ...server,
  ...client,
  ...replicationMutants,
];
