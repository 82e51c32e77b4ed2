import type { EventFilter, ListEventsRequest, WatchRequest } from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import {
  checkName,
  checkNotNegative,
  checkNumber,
  checkPageSize,
  checkPrefix,
  checkText,
} from "./fields.ts";

const FILTER_KEYS = 128;
const ACTOR_BYTES = 512;

/** The bounds of a WatchRequest. */
export function checkWatch(request: WatchRequest): void {
  checkName("namespace", request.namespace);
  checkFilter(request.filter);
  if (request.afterRevision !== undefined) checkNumber("after_revision", request.afterRevision);
}

/** The bounds of a ListEventsRequest. */
export function checkListEvents(request: ListEventsRequest): void {
  checkName("namespace", request.namespace);
  checkFilter(request.filter);
  checkNumber("after_revision", request.afterRevision);
  checkPageSize(request.pageSize);
}

function checkFilter(filter: EventFilter | undefined): void {
  if (filter === undefined) return;
  if (filter.keys.length > FILTER_KEYS) {
    throw invalidField("filter.keys", `must not have more than ${FILTER_KEYS} entries`);
  }
  for (const [index, key] of filter.keys.entries()) checkName(`filter.keys[${index}]`, key);
  checkPrefix("filter.key_prefix", filter.keyPrefix);
  if (filter.keys.length > 0 && filter.keyPrefix !== "") {
    throw invalidField("filter.key_prefix", "must be empty when keys are given");
  }
  checkNumber("filter.session_id", filter.sessionId);
  if (filter.dataset !== "") checkName("filter.dataset", filter.dataset);
  checkText("filter.actor", filter.actor, ACTOR_BYTES);
  checkNotNegative("filter.from_at_ms", filter.fromAtMs);
  checkNotNegative("filter.until_at_ms", filter.untilAtMs);
}
