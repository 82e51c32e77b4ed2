import { toBinary } from "@bufbuild/protobuf";
import { type AppendRequest, AppendRequestSchema } from "@lockstep/protocol";

const UINT32_MAX = 2 ** 32 - 1;

/**
 * Refuses an append that cannot be encoded, before it stands in one frame with the calls of others.
 * @throws TypeError for a field of another type, RangeError for a number that the field cannot have; both name it
 */
export function checkAppend(append: AppendRequest): void {
  for (const name of ["dataset", "origin", "correlationId"] as const) isText(name, append[name]);
  const { changes, replicationTimeoutMs } = append;
  if (typeof replicationTimeoutMs !== "bigint")
    throw new TypeError("replicationTimeoutMs must be a bigint");
  if (BigInt.asIntN(64, replicationTimeoutMs) !== replicationTimeoutMs)
    throw new RangeError("replicationTimeoutMs must fit into 64 bits");
  let isUsual = true;
  for (const [at, change] of changes.entries()) {
    const { op, key, value, schemaVersion, idempotencyKey, expectedKeySeq } = change;
    isBytes(`changes[${at}].key`, key);
    isBytes(`changes[${at}].value`, value);
    isUint32(`changes[${at}].op`, op);
    isUint32(`changes[${at}].schemaVersion`, schemaVersion);
    isText(`changes[${at}].idempotencyKey`, idempotencyKey);
    isUsual &&= expectedKeySeq === undefined;
  }
  const { fence, durability, expectedHeadSeq, sinceSeq } = append;
  const more = fence ?? durability ?? expectedHeadSeq ?? sinceSeq;
  // The library says what is wrong with the fields that few have.
  if (!isUsual || more !== undefined) toBinary(AppendRequestSchema, append);
}

function isText(name: string, value: unknown): void {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
}

function isBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`);
}

function isUint32(name: string, value: unknown): void {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > UINT32_MAX)
    throw new RangeError(`${name} must be a whole number from 0 to ${UINT32_MAX}`);
}
