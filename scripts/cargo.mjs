// Builds or tests the Rust workspace: node ../../scripts/cargo.mjs build|test
import { runLanguage } from "./language.mjs";

await runLanguage({
  tool: "cargo",
  probe: ["--version"],
  build: [["build", "--workspace", "--all-targets", "--locked"]],
  test: ["test", "--workspace", "--locked", "--no-fail-fast"],
  parse,
  echo: (line) => line,
});

/** Adds up the `test result:` lines, one for each test binary. */
function parse(output) {
  const result = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const match of output.matchAll(
    /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    result.passed += Number(match[1]);
    result.failed += Number(match[2]);
    result.skipped += Number(match[3]);
  }
  // "---- name stdout ----", then what the test printed; after the last one the list of names.
  for (const block of output.split(/^(?=---- .* ----$)/m).slice(1)) {
    const [text] = block.split(/^failures:$/m);
    result.failures.push(text.trimEnd().split("\n").slice(0, 20).join("\n"));
  }
  return result;
}
