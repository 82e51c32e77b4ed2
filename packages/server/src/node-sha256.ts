import { hash } from "node:crypto";
import { type Sha256, sha256FromBinaryString } from "@lockstep/protocol";

/** SHA-256 of the machine, several times as fast as the portable one. */
export const nodeSha256: Sha256 = sha256FromBinaryString((input) =>
  hash("sha256", input, "binary"),
);
