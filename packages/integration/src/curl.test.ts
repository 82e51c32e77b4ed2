// What a person types: no client, no stubs, JSON over HTTP/1.1.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServerProcess } from "./processes/server-process.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server.remove());

const NAMESPACE = "default";
const SECRET = Buffer.alloc(32, 7).toString("base64");
const TARGETS = [{ key: "orders/42", mode: "LOCK_MODE_EXCLUSIVE" }];

test("curl takes a lock and gives it back [GEN-31]", async () => {
  const opened = await call("SessionService/OpenSession", { namespace: NAMESPACE, secret: SECRET });
  const session = { namespace: NAMESPACE, sessionId: opened.sessionId, secret: SECRET };
  const { granted } = await call("LockService/Acquire", {
    session,
    requestId: "1",
    targets: TARGETS,
  });
  expect(granted).toMatchObject({ token: expect.stringMatching(/^\d+$/) });
  const { lock } = await call("LockService/GetLock", { namespace: NAMESPACE, key: "orders/42" });
  expect(lock).toMatchObject({
    state: "KEY_STATE_HELD",
    holders: [{ sessionId: opened.sessionId, token: granted.token }],
  });
  await call("SessionService/KeepAlive", { session, seq: "1" });
  const { holdId, token } = granted;
  const released = await call("LockService/Release", { session, requestId: "2", holdId, token });
  expect(released.outcome).toBe("RELEASE_OUTCOME_RELEASED");
  const closed = await call("SessionService/CloseSession", { session, requestId: "3" });
  expect(closed.state).toBe("SESSION_STATE_CLOSED");
});

test("curl is told which field is wrong", async () => {
  const refused = await call("SessionService/OpenSession", {
    namespace: NAMESPACE,
    secret: "dG9vIHNob3J0",
  });
  expect(refused.code).toBe("invalid_argument");
  expect(refused.message).toContain("secret");
});

/** Calls as the README shows it. */
async function call(method: string, message: object) {
  const { stdout } = await promisify(execFile)("curl", [
    ...["--silent", "--show-error", "--http1.1", "--header", "Content-Type: application/json"],
    ...["--data", JSON.stringify(message), `${server.url}/lockstep.v1.${method}`],
  ]).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new Error("curl is not installed: this test needs it (Debian: apt-get install curl)");
  });
  return JSON.parse(stdout);
}
