import { createFileRegistry, type DescService, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { LockService } from "@lockstep/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { startTestServer, type TestServer, transportTo } from "../testing-support/test-server.ts";

let running: TestServer;
beforeAll(async () => {
  running = await startTestServer();
});
afterAll(() => running.close());

type Asked = { case: string; value: unknown };

describe.each([
  ["v1", ServerReflection],
  ["v1alpha", ServerReflectionV1Alpha],
])("reflection %s", (_, service) => {
  async function ask(...asked: Asked[]): Promise<Asked[]> {
    const client = createClient(
      service as typeof ServerReflection,
      transportTo(running.server.url, "grpc"),
    );
    const requests = asked.map((messageRequest) => ({ host: "here", messageRequest }));
    const answers: Asked[] = [];
    for await (const answer of client.serverReflectionInfo(
      createAsyncIterable(requests as never[]),
    )) {
      expect(answer.validHost).toBe("here");
      answers.push(answer.messageResponse as Asked);
    }
    return answers;
  }

  function filesOf(answer: Asked | undefined): FileDescriptorProto[] {
    const { fileDescriptorProto } = (answer as Asked).value as {
      fileDescriptorProto: Uint8Array[];
    };
    return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  test("lists the services", async () => {
    const [answer] = await ask({ case: "listServices", value: "" });
    const { service: listed } = (answer as Asked).value as { service: { name: string }[] };
    expect(listed.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "grpc.health.v1.Health",
        "lockstep.testing.v1.ClockService",
        "lockstep.v1.AdminService",
        "lockstep.v1.LockService",
        "lockstep.v1.ServerService",
        "lockstep.v1.SessionService",
      ]),
    );
  });

  test("gives a service with everything it needs, in an order that can be read", async () => {
    const [answer] = await ask({ case: "fileContainingSymbol", value: LockService.typeName });
    const files = filesOf(answer);
    const registry = createFileRegistry({
      $typeName: "google.protobuf.FileDescriptorSet",
      file: files,
    });
    const service = registry.getService(LockService.typeName) as DescService;
    expect(service.methods.map(({ name }) => name)).toContain("Acquire");
  });

  test("finds methods, messages, fields and files by their names", async () => {
    const answers = await ask(
      { case: "fileContainingSymbol", value: "lockstep.v1.LockService.Acquire" },
      { case: "fileContainingSymbol", value: "lockstep.v1.AcquireRequest" },
      { case: "fileContainingSymbol", value: "lockstep.v1.AcquireRequest.wait_ms" },
      { case: "fileContainingSymbol", value: "lockstep.v1.LockMode" },
      { case: "fileByFilename", value: "lockstep/v1/lock.proto" },
      { case: "allExtensionNumbersOfType", value: "lockstep.v1.AcquireRequest" },
    );
    expect(answers.map((answer) => answer.case)).toEqual([
      ...Array(5).fill("fileDescriptorResponse"),
      "allExtensionNumbersResponse",
    ]);
    expect(filesOf(answers[4]).at(-1)?.name).toBe("lockstep/v1/lock.proto");
  });

  test("says NOT_FOUND of what nobody knows, and goes on", async () => {
    const answers = await ask(
      { case: "fileContainingSymbol", value: "nope.Nope" },
      { case: "fileByFilename", value: "nope.proto" },
      { case: "fileContainingExtension", value: { containingType: "a.B", extensionNumber: 1 } },
      { case: "allExtensionNumbersOfType", value: "nope.Nope" },
    );
    expect(answers.map(({ value }) => (value as { errorCode: number }).errorCode)).toEqual([
      5, 5, 5, 5,
    ]);
  });
});
