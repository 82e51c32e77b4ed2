import { type Random, type ReplicationLink, RequestError } from "@lockstep/client";
import { ReplicaSupersededError } from "../errors.ts";

const INSTANCE_BYTES = 16;

/** Who a replica is, to its server. */
export interface RegistrationParts {
  readonly link: Pick<ReplicationLink, "listReplicas" | "register">;
  readonly random: Random;
  readonly dataset: string;
  readonly replica: string;
  readonly description: string;
}

/** The generation of this process: what makes it the one that may act as the replica. */
export class Registration {
  readonly #parts: RegistrationParts;
  #generation = 0n;
  /** The highest generation that this process has had. */
  #had = 0n;
  /** A registration whose answer is not known. Repeated, it is the same one. */
  #pending: { readonly instance: Uint8Array; readonly expected: bigint } | undefined;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  /** The generation in force, 0 when there is none yet. */
  get generation(): bigint {
    return this.#generation;
  }

  /** The next `ensure` begins a new generation. */
  forget(): void {
    this.#generation = 0n;
  }

  /**
   * Registers unless that has been done.
   * @throws ReplicaSupersededError when another process has registered after this one
   */
  async ensure(signal: AbortSignal): Promise<void> {
    if (this.#generation > 0n) return;
    const { link, random, dataset, replica, description } = this.#parts;
    this.#pending ??= {
      instance: random.bytes(INSTANCE_BYTES),
      expected: await this.#inForce(signal),
    };
    const { instance, expected: expectedGeneration } = this.#pending;
    const request = { dataset, replica, instance, expectedGeneration, description };
    try {
      const { generation } = await link.register(request, { signal });
      this.#generation = generation;
      this.#had = generation;
      this.#pending = undefined;
    } catch (error) {
      const raced = error instanceof RequestError && error.reason === "VERSION_MISMATCH";
      if (raced) this.#pending = undefined;
      // Somebody came in between; who comes last is the replica, and at a start that is this process.
      if (raced && this.#had === 0n) return await this.ensure(signal);
      if (raced) throw new ReplicaSupersededError(replica, { cause: error });
      throw error;
    }
  }

  /** The generation that the server knows of this replica. */
  async #inForce(signal: AbortSignal): Promise<bigint> {
    const { link, dataset, replica } = this.#parts;
    let pageToken = "";
    do {
      const page = await link.listReplicas({ dataset, pageSize: 1_000, pageToken }, { signal });
      const known = page.replicas.find((one) => one.replica === replica);
      if (known && this.#had > 0n && known.generation > this.#had)
        throw new ReplicaSupersededError(replica);
      if (known) return known.generation;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return 0n;
  }
}
