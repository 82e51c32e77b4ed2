import { LockOrdering } from "@lockstep/protocol";
import { attempt } from "../clients/attempt.ts";
import type { Life } from "../clients/client-host.ts";
import type { World } from "../run/world.ts";
import { type ActionKind, KEYS, kind, POOL, someClient } from "./kind.ts";

const REASON = "the simulation wants it";

/** What operators do, through any of the clients, by name. */
export const OPERATOR_OPERATIONS: Readonly<Record<string, ActionKind>> = {
  forceRelease: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      key: chance.pick(KEYS),
      immediate: chance.yes(0.15),
    }),
    apply: (world, { client, key, immediate }) =>
      operate(world, client, `force-release ${key}`, async (life) => {
        const { lock } = await life.client.getLock(key);
        const expectedToken = lock?.holders[0]?.token ?? lock?.delays[0]?.token;
        if (expectedToken === undefined) return;
        await life.client.forceRelease({ key, expectedToken, immediate, reason: REASON });
      }),
  }),
  revokeSession: kind({
    weight: 1,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      which: chance.whole(0, 3),
    }),
    apply: (world, { client, which }) =>
      operate(world, client, "revoke a session", async ({ client: operator }) => {
        const { sessions } = await operator.listSessions();
        const session = sessions[which % Math.max(1, sessions.length)];
        if (session === undefined) return;
        await operator.admin.revokeSession({ sessionId: session.sessionId, reason: REASON });
      }),
  }),
  askForRelease: kind({
    weight: 2,
    draw: (chance, config) => ({ client: someClient(chance, config), key: chance.pick(KEYS) }),
    apply: (world, { client, key }) =>
      operate(world, client, `ask for ${key}`, async (life) => {
        await life.client.requestRelease({ key, reason: REASON });
      }),
  }),
  setPolicy: kind({
    weight: 2,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      prefix: chance.pick([POOL, POOL, POOL, "a", "b"]),
      permits: chance.pick([0, 1, 2, 4]),
      maxHoldMs: chance.pick([0, 0, 800]),
      lockDelayMs: chance.pick([0, 0, 2_000]),
      maxWaiters: chance.pick([0, 0, 1]),
    }),
    apply: (world, { client, prefix, permits, maxHoldMs, lockDelayMs, maxWaiters }) =>
      operate(world, client, `policy of ${prefix}`, async ({ client: operator }) => {
        const { version } = await operator.admin.getPolicy();
        const policy = {
          permits: prefix === POOL ? permits : 0,
          maxHoldMs: BigInt(maxHoldMs),
          lockDelayMs: BigInt(lockDelayMs),
          maxWaiters,
        };
        await operator.admin.setPolicy({
          prefix,
          policy: permits === 0 ? null : policy,
          expectedVersion: version,
          reason: REASON,
        });
      }),
  }),
  clearQuarantines: kind({
    weight: 1,
    draw: (chance, config) => ({ client: someClient(chance, config) }),
    apply: (world, { client }) => operate(world, client, "clear quarantines", clearQuarantines),
  }),
  quarantineIdentity: kind({
    weight: 0.7,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      victim: someClient(chance, config),
    }),
    apply: (world, { client, victim }) =>
      operate(world, client, `quarantine machine ${victim}`, async ({ client: operator }) => {
        const principal = `machine ${victim}`;
        await operator.admin.quarantineIdentity({ principal, reason: REASON });
      }),
  }),
  configure: kind({
    weight: 0.5,
    draw: (chance, config) => ({
      client: someClient(chance, config),
      ascending: chance.yes(0.5),
      quarantineAfterLosses: chance.pick([0, 0, 1]),
    }),
    apply: (world, { client, ascending, quarantineAfterLosses }) =>
      operate(world, client, "configure", (life) =>
        configure(life, ascending, quarantineAfterLosses),
      ),
  }),
};

/** Makes an end of everything that operators have done. */
export async function undoAll(life: Life): Promise<void> {
  const { admin } = life.client;
  await configure(life, false, 0);
  for (;;) {
    const { policies, version } = await admin.getPolicy();
    const [first] = policies;
    if (first === undefined) break;
    const prefix = first.keyPrefix;
    await admin.setPolicy({ prefix, policy: null, expectedVersion: version, reason: REASON });
  }
  await clearQuarantines(life);
}

async function clearQuarantines({ client: { admin } }: Life): Promise<void> {
  const { keys, identities } = await admin.listQuarantines({ pageSize: 1_000 });
  for (const { key, quarantine } of keys) {
    const expectedRevision = quarantine?.revision ?? 0n;
    await admin.clearQuarantine({ key, expectedRevision, reason: REASON });
  }
  for (const { principal, revision } of identities) {
    await admin.clearQuarantine({ principal, expectedRevision: revision, reason: REASON });
  }
}

async function configure(
  { client }: Life,
  ascending: boolean,
  quarantineAfterLosses: number,
): Promise<void> {
  const { admin, namespace } = client;
  const { namespaces } = await admin.listNamespaces();
  const expectedVersion = namespaces.find((one) => one.namespace === namespace)?.version ?? 0n;
  await admin.updateNamespace({
    namespace,
    expectedVersion,
    reason: REASON,
    settings: {
      ordering: ascending ? LockOrdering.ASCENDING : LockOrdering.NONE,
      quarantineAfterLosses,
      quarantineWindowMs: quarantineAfterLosses > 0 ? 20_000n : 0n,
    },
  });
}

function operate(
  world: World,
  client: number,
  what: string,
  operation: (life: Life) => Promise<void>,
): void {
  world.client(client).run(what, (life) => attempt(world, () => operation(life)));
}
