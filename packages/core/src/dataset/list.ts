import type { ListDatasetsResponse } from "@lockstep/protocol";
import { compareNames } from "@lockstep/protocol";
import { type Decision, replyOnly } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { PageRoom } from "../view/page-room.ts";
import { datasetOf } from "./find.ts";
import { checkpointAtHead, datasetView } from "./view.ts";
import { datasetBytes } from "./view-bytes.ts";

const DEFAULT_PAGE_SIZE = 100;

/** Lists datasets by name. */
export function decideListDatasets(
  state: NamespaceState,
  { request }: Op<"listDatasets">,
  now: Now,
): Decision<"listDatasets"> {
  const { datasetPrefix, pageToken } = request;
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  const page: ListDatasetsResponse = {
    $typeName: "lockstep.v1.ListDatasetsResponse",
    datasets: [],
    nextPageToken: "",
  };
  const room = new PageRoom(state.limits.max_response_bytes);
  for (const dataset of state.datasets.values()) {
    const { name } = dataset;
    if (!name.startsWith(datasetPrefix)) continue;
    if (pageToken !== "" && compareNames(name, pageToken) <= 0) continue;
    const view = datasetView(dataset, now);
    if (page.datasets.length === size || !room.take(datasetBytes(view))) {
      page.nextPageToken = page.datasets.at(-1)?.dataset ?? "";
      break;
    }
    page.datasets.push(view);
  }
  return replyOnly(page);
}

/** Tells all about a dataset, as of one moment. */
export function decideDescribeDataset(
  state: NamespaceState,
  { request }: Op<"describeDataset">,
  now: Now,
): Decision<"describeDataset"> {
  const dataset = datasetOf(state, request.dataset);
  return replyOnly({
    $typeName: "lockstep.v1.DescribeDatasetResponse",
    dataset: datasetView(dataset, now),
    head: checkpointAtHead(dataset),
  });
}
