import { KvorumError } from '../base/errors.js';

/**
 * Which cluster a client talks to: the one that its first answer came from. A member whose folder was lost, and that was
 * started as before, may serve another one under the same address.
 */
export class ClusterIdentity {
  #id: string | undefined;

  /** What calls are told to be for; undefined: none was answered yet. */
  get id(): string | undefined {
    return this.#id;
  }

  /**
   * @param told by a server, with its answer; undefined: it says nothing of that
   * @returns why its answer is not to be taken
   */
  meet(endpoint: string, told: string | undefined): KvorumError | undefined {
    if (told === undefined) return undefined;
    this.#id ??= told;
    if (told === this.#id) return undefined;
    return new KvorumError(
      'WRONG_CLUSTER',
      `${endpoint} is a member of cluster ${told}, this client talks to cluster ${this.#id}`,
    );
  }
}
