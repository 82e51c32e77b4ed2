import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.ts";
import type { Descriptors } from "./descriptors.ts";
import type { Call } from "./guard/call.ts";

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

/** Answers, one by one, what grpcurl and its like ask about the services. */
export async function* reflect(
  requests: AsyncIterable<ServerReflectionRequest>,
  descriptors: Descriptors,
  call: Call,
): AsyncGenerator<ServerReflectionResponse> {
  try {
    for await (const request of requests) {
      call.bytes.release();
      yield create(ServerReflectionResponseSchema, {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answer(request.messageRequest, descriptors),
      });
    }
  } catch (error) {
    throw call.errorFrom(error);
  }
}

function answer(
  asked: ServerReflectionRequest["messageRequest"],
  descriptors: Descriptors,
): Answer {
  switch (asked.case) {
    case "listServices": {
      const service = descriptors.services.map((name) => ({ name }));
      return { case: "listServicesResponse", value: { service } };
    }
    case "fileByFilename":
      return files(descriptors.file(asked.value), "no such file");
    case "fileContainingSymbol":
      return files(descriptors.fileOf(asked.value), "no such symbol");
    case "fileContainingExtension":
      return files(undefined, "there are no extensions");
    case "allExtensionNumbersOfType":
      if (!descriptors.has(asked.value)) return problem(Code.NotFound, "no such type");
      return {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: asked.value, extensionNumber: [] },
      };
    case undefined:
      return problem(Code.InvalidArgument, "the request asks nothing");
  }
}

function files(found: Uint8Array[] | undefined, otherwise: string): Answer {
  if (found === undefined) return problem(Code.NotFound, otherwise);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: found } };
}

function problem(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
