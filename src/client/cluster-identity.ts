import { KvorumError } from '../base/errors.js';

const idRule = /^[0-9a-f]{16}$/;

/** What a server says of itself; undefined where it says nothing of that, or no such thing. */
export function toldCluster(field: unknown): string | undefined {
  return typeof field === 'string' && idRule.test(field) ? field : undefined;
}

/**
 * Which cluster a client talks to: the first that did what it was asked. A member whose folder was lost, and that was
 * started as before, may serve another one under the same address. Who only refuses, for want of a leader say, is not
 * chosen by that: the cluster that took its place may be among the other servers.
 */
export class ClusterIdentity {
  #id: string | undefined;

  /** What calls are told to be for; undefined: none was answered yet. */
  get id(): string | undefined {
    return this.#id;
  }

  /** A call was answered. @param told by its server; undefined: it says nothing of that */
  answered(told: string | undefined): void {
    this.#id ??= told;
  }

  /** @returns why the answer of a server is not to be taken */
  objection(endpoint: string, told: string | undefined): KvorumError | undefined {
    if (told === undefined || this.#id === undefined || told === this.#id) return undefined;
    return new KvorumError(
      'WRONG_CLUSTER',
      `${endpoint} is a member of cluster ${told}, this client talks to cluster ${this.#id}`,
    );
  }
}
