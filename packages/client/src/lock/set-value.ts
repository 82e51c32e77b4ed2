import { create } from "@bufbuild/protobuf";
import { type NotHeld, SetValueRequestSchema } from "@lockstep/protocol";
import { type ChangeHost, change } from "./changes.ts";
import type { LockHandle } from "./handle.ts";

/** Changes what a hold publishes. A change whose token was outrun by a conversion is repeated with the token of now. */
export async function setValue(
  host: ChangeHost,
  handle: LockHandle,
  value: Uint8Array,
  correlationId: string,
): Promise<void> {
  const { hold } = handle;
  for (;;) {
    if (!handle.isHeld) throw handle.overError();
    const { holdId, token } = hold;
    const notHeld = await change<"setValue", NotHeld | undefined>(
      host,
      "setValue",
      (requestId) => ({
        request: () =>
          create(SetValueRequestSchema, {
            requestId,
            answered: host.ids.answered(),
            holdId,
            token,
            value,
            correlationId,
          }),
        outcome: (reply) => reply.notHeld,
      }),
    );
    if (!notHeld) return;
    await hold.conversions.end();
    if (hold.token !== token) continue;
    host.notHeld(hold, notHeld);
    throw handle.overError();
  }
}
