import manifest from "../package.json" with { type: "json" };

/** The version of the server software. */
export const serverVersion: string = manifest.version;
