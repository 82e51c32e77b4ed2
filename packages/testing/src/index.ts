export type { TestClientOptions, TestServerOptions } from "./options.ts";
export { startTestServer, type TestServer } from "./test-server.ts";
