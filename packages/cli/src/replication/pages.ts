import type { Client } from "@lockstep/client";
import type { Dataset, Replica } from "@lockstep/protocol";

const PAGE_SIZE = 1_000;

/** All datasets by name, a page at a time. */
export async function* datasetPages(
  { datasets }: Client,
  datasetPrefix = "",
): AsyncGenerator<Dataset[]> {
  for (let pageToken = ""; ; ) {
    const page = await datasets.list({ datasetPrefix, pageSize: PAGE_SIZE, pageToken });
    yield page.datasets;
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}

/** All replicas of a dataset by name, with the head they have to reach, a page at a time. */
export async function* replicaPages(
  { datasets }: Client,
  dataset: string,
): AsyncGenerator<{ readonly headSeq: bigint; readonly replicas: Replica[] }> {
  for (let pageToken = ""; ; ) {
    const page = await datasets.listReplicas({ dataset, pageSize: PAGE_SIZE, pageToken });
    yield page;
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}

/** A replica of a dataset; undefined when it is not registered. */
export async function findReplica(
  client: Client,
  dataset: string,
  name: string,
): Promise<Replica | undefined> {
  for await (const { replicas } of replicaPages(client, dataset)) {
    const found = replicas.find(({ replica }) => replica === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
