// Builds or tests the Go module: node ../../scripts/go.mjs build|test
import { runLanguage } from "./language.mjs";

await runLanguage({
  tool: "go",
  probe: ["version"],
  build: [
    ["build", "./..."],
    ["vet", "./..."],
  ],
  // -count=1: a result from Go's cache is no test run.
  test: ["test", "-json", "-count=1", "./..."],
  parse,
  echo: (line) => eventOf(line)?.Output?.replace(/\n$/, "") ?? (eventOf(line) ? undefined : line),
});

/** Counts the tests of `go test -json`: a test with subtests stands for them and is not counted itself. */
function parse(output) {
  const events = output
    .split("\n")
    .map(eventOf)
    .filter((event) => event !== undefined);
  const ends = events.filter(
    ({ Test, Action }) => Test && ["pass", "fail", "skip"].includes(Action),
  );
  const leaves = ends.filter((end) => !ends.some((other) => isPartOf(other, end)));
  const named = (action) => leaves.filter(({ Action }) => Action === action);
  const failed = [...named("fail"), ...events.filter((event) => isBrokenPackage(event, ends))];
  return {
    passed: named("pass").length,
    failed: failed.length,
    skipped: named("skip").length,
    failures: failed.map((end) => describe(end, events)),
  };
}

function isPartOf(other, end) {
  return other.Package === end.Package && other.Test.startsWith(`${end.Test}/`);
}

function isBrokenPackage({ Package, Test, Action }, ends) {
  if (Test || !Package || Action !== "fail") return false;
  return !ends.some((end) => end.Package === Package && end.Action === "fail");
}

function describe({ Package, Test, FailedBuild }, events) {
  const own = events.filter((event) =>
    FailedBuild
      ? event.ImportPath === FailedBuild
      : event.Package === Package && event.Test === Test,
  );
  const lines = own
    .map(({ Output }) => Output ?? "")
    .join("")
    .trimEnd()
    .split("\n");
  return [`${Package} ${Test ?? ""}`.trimEnd(), ...lines.slice(-15)].join("\n");
}

function eventOf(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
