import { create } from "@bufbuild/protobuf";
import {
  ConvertRequestSchema,
  type ConvertResponse,
  type DeniedReason,
  type LockMode,
  SetValueRequestSchema,
  type SetValueResponse,
  TransferRequestSchema,
  type TransferResponse,
} from "@lockstep/protocol";
import type { Client, Held } from "./client.ts";

/** What a call about a hold may say beside what it is about. */
export interface HoldCallOptions {
  readonly requestId?: bigint;
  readonly answered?: readonly { first: bigint; last: bigint }[];
}

/** What a Convert may say beside its key and mode. */
export interface ConvertOptions extends HoldCallOptions {
  readonly waitMs?: number;
  readonly deadlockPriority?: number;
  readonly answerQueued?: boolean;
}

/** How a Convert was answered; `waiting` when no reply has left. */
type Converted = ConvertResponse["outcome"] | { case: "waiting"; value: bigint };

/** Converts a key of a hold. */
export function convert(
  client: Client,
  { holdId, token }: Held,
  key: string,
  mode: LockMode,
  options: ConvertOptions = {},
): Converted {
  const { waitMs = 0, deadlockPriority = 0, answerQueued = false } = options;
  const call = callOf(client, options);
  const about = { ...call, holdId, token, key, mode, waitMs: BigInt(waitMs), deadlockPriority };
  const request = create(ConvertRequestSchema, about);
  const { caller } = client;
  const { answer } = client.world.run({ kind: "convert", caller, request, answerQueued });
  return answer.kind === "waiting"
    ? { case: "waiting", value: answer.ticketId }
    : answer.reply.outcome;
}

/** Why a Convert was denied. */
export function reasonOf(converted: Converted): DeniedReason | undefined {
  return converted.case === "denied" ? converted.value.reason : undefined;
}

/** Gives a hold to a waiter. */
export function transfer(
  client: Client,
  { holdId, token }: Held,
  toSessionId: bigint,
  toRequestId: bigint,
  options: HoldCallOptions = {},
): TransferResponse["outcome"] {
  const call = callOf(client, options);
  const request = create(TransferRequestSchema, {
    ...call,
    holdId,
    token,
    toSessionId,
    toRequestId,
  });
  return client.world.reply({ kind: "transfer", caller: client.caller, request }).outcome;
}

/** Changes what a hold publishes. */
export function setValue(
  client: Client,
  { holdId, token }: Held,
  value: Uint8Array,
  options: HoldCallOptions = {},
): SetValueResponse {
  const request = create(SetValueRequestSchema, {
    ...callOf(client, options),
    holdId,
    token,
    value,
  });
  return client.world.reply({ kind: "setValue", caller: client.caller, request });
}

function callOf(client: Client, { requestId, answered = [] }: HoldCallOptions) {
  if (requestId === undefined) client.lastRequestId += 1n;
  return { requestId: requestId ?? client.lastRequestId, answered: [...answered] };
}
