import type { HoldTerms, OnLoss, ProtoReader } from "@lockstep/protocol";
import { BYTES, field, VARINT } from "./proto-fields.ts";

const NO_BYTES = new Uint8Array();

/** The terms of a hold. @throws UnreadError for those with metadata, which are left to the library */
export function readTerms(reader: ProtoReader): HoldTerms {
  const terms: HoldTerms = {
    $typeName: "lockstep.v1.HoldTerms",
    maxHoldMs: 0n,
    value: NO_BYTES,
    metadata: {},
  };
  reader.fields((tag) => {
    if (tag === field(1, VARINT)) terms.maxHoldMs = reader.bigint();
    else if (tag === field(2, BYTES) && terms.onLoss === undefined) terms.onLoss = readLoss(reader);
    else if (tag === field(3, BYTES)) terms.value = reader.bytes();
    else reader.unread();
  });
  return terms;
}

function readLoss(reader: ProtoReader): OnLoss {
  const loss: OnLoss = { $typeName: "lockstep.v1.OnLoss", action: 0, delayMs: 0n };
  reader.fields((tag) => {
    if (tag === field(1, VARINT)) loss.action = reader.small();
    else if (tag === field(2, VARINT)) loss.delayMs = reader.bigint();
    else reader.unread();
  });
  return loss;
}
