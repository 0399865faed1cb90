import { KvorumError } from '../base/errors.js';
import { formatId, type ClusterId } from '../base/ids.js';

/**
 * Which cluster a client talks to: the first that did what it was asked. A member whose folder was lost, and that was
 * started as before, may serve another one under the same address. Who only refuses, for want of a leader say, is not
 * chosen by that: the cluster that took its place may be among the other servers.
 */
export class ClusterIdentity {
  #id: ClusterId | undefined;
  /** As calls carry it. */
  #text: string | undefined;

  /** Undefined: no call was answered yet. */
  get id(): ClusterId | undefined {
    return this.#id;
  }

  /** What calls are told to be for. */
  get text(): string | undefined {
    return this.#text;
  }

  /** A call was answered. @param told by its server; undefined: it says nothing of that */
  answered(told: ClusterId | undefined): void {
    if (this.#id !== undefined || told === undefined) return;
    this.#id = told;
    this.#text = formatId(told);
  }

  /** @returns why the answer of a server is not to be taken */
  objection(endpoint: string, told: ClusterId | undefined): KvorumError | undefined {
    if (told === undefined || this.#id === undefined || told === this.#id) return undefined;
    return new KvorumError(
      'WRONG_CLUSTER',
      `${endpoint} is a member of cluster ${formatId(told)}, this client talks to cluster ${this.#text}`,
    );
  }
}
