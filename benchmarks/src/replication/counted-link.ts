import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ReplicationLink } from "@lockstep/client";
import {
  FetchEntriesRequestSchema,
  FetchEntriesResponseSchema,
  GetDigestNodesRequestSchema,
  GetDigestNodesResponseSchema,
  ListBucketRequestSchema,
  ListBucketResponseSchema,
} from "@lockstep/protocol";

/** One call of a replica that looks for drift. */
export interface Call {
  readonly name: "digestNodes" | "listBucket" | "fetchEntries";
  /** When it was made, milliseconds. */
  readonly atMs: number;
  /** Request and reply, encoded. */
  bytes: number;
}

/** A link that writes down what is asked on the way to a repair. */
export function countedLink(link: ReplicationLink, calls: Call[]): ReplicationLink {
  const { namespace } = link;
  const begin = (name: Call["name"], bytes: number) => {
    const call: Call = { name, atMs: performance.now(), bytes };
    calls.push(call);
    return call;
  };
  return {
    ...link,
    digestNodes: async (request, options) => {
      const asked = { ...request, namespace };
      const call = begin("digestNodes", sizeOf(GetDigestNodesRequestSchema, asked));
      const reply = await link.digestNodes(request, options);
      call.bytes += sizeOf(GetDigestNodesResponseSchema, reply);
      return reply;
    },
    listBucket: async (request, options) => {
      const call = begin("listBucket", sizeOf(ListBucketRequestSchema, { ...request, namespace }));
      const reply = await link.listBucket(request, options);
      call.bytes += sizeOf(ListBucketResponseSchema, reply);
      return reply;
    },
    fetchEntries: async (request, options) => {
      const asked = { ...request, namespace };
      const call = begin("fetchEntries", sizeOf(FetchEntriesRequestSchema, asked));
      const reply = await link.fetchEntries(request, options);
      call.bytes += sizeOf(FetchEntriesResponseSchema, reply);
      return reply;
    },
  };
}

function sizeOf<S extends DescMessage>(schema: S, message: MessageInitShape<S>): number {
  return toBinary(schema, create(schema, message)).length;
}
