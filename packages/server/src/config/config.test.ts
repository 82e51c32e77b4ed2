import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import { ConfigError, type Flags, readConfig } from "./config.ts";

describe("a configuration", () => {
  test("has a default for everything", () => {
    expect(readConfig({}, {})).toEqual({
      listen: { host: "127.0.0.1", port: 7420 },
      insecureListen: false,
      dataFolder: "./.lockstep",
      namespaces: [],
      journal: "sqlite",
      development: false,
      newLineage: false,
      node: "lockstep",
      corsOrigins: [],
      limits: DEFAULT_LIMITS,
      snapshotEvents: 50_000,
      historyEvents: 1_000_000,
      historyAgeMs: 7 * 24 * 3_600_000,
      logLevel: "info",
      drainMs: 5_000,
      testClock: false,
    });
  });

  test("comes from variables, and flags win over them", () => {
    const variables = {
      LOCKSTEP_LISTEN: "[::1]:1",
      LOCKSTEP_DATA: "/data",
      LOCKSTEP_INSECURE_LISTEN: "true",
      LOCKSTEP_LIMIT: "max_watches=5, max_wait_ms=1000",
      LOCKSTEP_CORS_ORIGINS: "http://a.example, http://b.example:1",
      LOCKSTEP_NAMESPACES: "orders, Team/ü",
      LOCKSTEP_LOG_LEVEL: "",
      LOCKSTEP_SNAPSHOT_EVENTS: "10",
      LOCKSTEP_HISTORY_EVENTS: "0",
    };
    expect(readConfig({ listen: "localhost:0", drainMs: "0" }, variables)).toMatchObject({
      listen: { host: "localhost", port: 0 },
      dataFolder: "/data",
      insecureListen: true,
      namespaces: ["orders", "Team/ü"],
      limits: { ...DEFAULT_LIMITS, max_watches: 5, max_wait_ms: 1_000 },
      corsOrigins: ["http://a.example", "http://b.example:1"],
      logLevel: "info",
      snapshotEvents: 10,
      historyEvents: 0,
      drainMs: 0,
    });
  });

  test.each<[Flags, Record<string, string>, string, string]>([
    [{ listen: "7420" }, {}, "--listen", "HOST:PORT"],
    [{ listen: "a:65536" }, {}, "--listen", "HOST:PORT"],
    [{ listen: "::1:7420" }, {}, "--listen", "HOST:PORT"],
    [{}, { LOCKSTEP_INSECURE_LISTEN: "maybe" }, "LOCKSTEP_INSECURE_LISTEN", "true or false"],
    [{ dataFolder: "" }, {}, "--data", "must not be empty"],
    [{ namespaces: "a,,b" }, {}, "--namespaces", '"" must not be empty'],
    [{ namespaces: "x".repeat(513) }, {}, "--namespaces", "512 bytes"],
    [{ namespaces: "a,b", limits: "max_namespaces=2" }, {}, "--namespaces", "max_namespaces, 2"],
    [{ journal: "etcd" }, {}, "--journal", "sqlite or memory"],
    [{ journal: "memory" }, {}, "--journal", "--dev or --test-clock"],
    [{ node: "a\nb" }, {}, "--node", "control characters"],
    [{ node: "x".repeat(129) }, {}, "--node", "128"],
    [{ corsOrigins: "http://a/b" }, {}, "--cors-origins", "origins"],
    [{ limits: "nope=1" }, {}, "--limit", 'known limits, not "nope=1"'],
    [{ limits: "constructor=1" }, {}, "--limit", "known limits"],
    [{ limits: "max_watches=0" }, {}, "--limit", "max_watches"],
    [{}, { LOCKSTEP_LOG_LEVEL: "loud" }, "LOCKSTEP_LOG_LEVEL", "debug"],
    [{ snapshotEvents: "0" }, {}, "--snapshot-events", "1 to"],
    [{ historyEvents: "many" }, {}, "--history-events", "events"],
    [{}, { LOCKSTEP_HISTORY_AGE_MS: "7d" }, "LOCKSTEP_HISTORY_AGE_MS", "milliseconds"],
    [{ drainMs: "-1" }, {}, "--drain-ms", "milliseconds"],
    [{ drainMs: "1.5" }, {}, "--drain-ms", "milliseconds"],
  ])("refuses %j %j, naming %s and why", (flags, variables, source, why) => {
    let error: unknown;
    try {
      readConfig(flags, variables);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems).toMatchObject([{ source }]);
    expect((error as ConfigError).message).toContain(why);
  });

  test("names every bad value at once", () => {
    const read = () => readConfig({ listen: "x", drainMs: "x" }, { LOCKSTEP_LOG_LEVEL: "x" });
    expect(read).toThrow(/--listen.*LOCKSTEP_LOG_LEVEL.*--drain-ms/s);
  });

  test("allows a journal in memory for development and for tests [REC-35]", () => {
    expect(readConfig({ journal: "memory", development: true }, {}).journal).toBe("memory");
    expect(readConfig({ journal: "memory", testClock: "1" }, {}).testClock).toBe(true);
  });
});
