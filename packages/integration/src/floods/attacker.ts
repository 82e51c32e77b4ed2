// A program that floods a server in one way for a while: node attacker.ts KIND URL MILLISECONDS.
// Its last line tells, as JSON, what it sent and how that was answered.
import { floods } from "./kinds.ts";
import { Tally } from "./tally.ts";

const [, , kind = "", url = "", forMs = ""] = process.argv;
const flood = floods[kind];
if (flood === undefined) throw new Error(`no such flood: ${kind}`);
const tally = new Tally();
await flood({ url, untilMs: performance.now() + Number(forMs), tally });
process.stdout.write(`${JSON.stringify(tally)}\n`, () => process.exit(0));
