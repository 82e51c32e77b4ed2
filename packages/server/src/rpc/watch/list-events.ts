import { create } from "@bufbuild/protobuf";
import {
  type ListEventsRequest,
  type ListEventsResponse,
  ListEventsResponseSchema,
} from "@lockstep/protocol";
import { revisionAhead } from "../../executor/history.ts";
import type { RpcEnvironment } from "../environment.ts";
import { namespaceOf } from "../namespaces.ts";
import { unlessAborted } from "../settle.ts";
import { checkListEvents } from "../validate/events.ts";
import { chosenBy } from "./event-filter.ts";
import { readChosen } from "./read-chosen.ts";

const DEFAULT_PAGE_SIZE = 100;
// In JSON a page can be several times as long, and must stay below max_response_bytes.
const PAGE_BYTES = 512 * 1024;

/** A page of history, as of the revision of its header. */
export async function listEvents(
  request: ListEventsRequest,
  signal: AbortSignal,
  environment: RpcEnvironment,
): Promise<ListEventsResponse> {
  checkListEvents(request);
  const namespace = namespaceOf(environment, request.namespace);
  const header = await unlessAborted(namespace.barrier(), signal);
  const { afterRevision } = request;
  if (afterRevision > header.revision) throw revisionAhead(afterRevision, header.revision);
  const limit = { maxRecords: request.pageSize || DEFAULT_PAGE_SIZE, maxBytes: PAGE_BYTES };
  const start = afterRevision === 0n ? "oldest" : afterRevision;
  const page = await unlessAborted(
    readChosen(namespace, start, limit, chosenBy(request.filter)),
    signal,
  );
  // What became durable after the page got its place belongs to the next one.
  const events = page.events.filter(({ revision }) => revision <= header.revision);
  const nextAfterRevision = events.length < page.events.length ? header.revision : page.scannedTo;
  const more = page.more && nextAfterRevision < header.revision;
  return create(ListEventsResponseSchema, { header, events, nextAfterRevision, more });
}
