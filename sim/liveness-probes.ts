import type { Call } from './checkers/history.js';
import type { Clients } from './clients.js';
import type { Cluster } from './cluster.js';
import type { Life, Machine } from './machine.js';

/** More than members are told to wait: it is they who give up. */
const timeoutMs = 60_000;

/**
 * One client at each member, who writes and reads in turn and waits as long as the member does: other clients may give
 * up before it shows that they would never have been served.
 */
export class LivenessProbes {
  readonly #cluster: Cluster;
  readonly #clients: Clients;
  /** Whose probe is under way. */
  readonly #asked = new Set<Life>();
  #calls = 0;
  #stopped = false;

  constructor(cluster: Cluster, clients: Clients) {
    this.#cluster = cluster;
    this.#clients = clients;
  }

  start(): void {
    this.#cluster.clock.setTimer(this.#cluster.options.electionTimeoutMs / 2, () => {
      if (this.#stopped) return;
      for (const machine of this.#cluster.running()) this.#probe(machine);
      this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #probe(machine: Machine): void {
    const life = machine.life!;
    if (!machine.knowsCluster || this.#asked.has(life)) return;
    this.#asked.add(life);
    const call = ++this.#calls % 2 === 0 ? this.#put(machine) : this.#get(machine);
    this.#clients.call('probe', machine, call, () => this.#asked.delete(life), timeoutMs);
  }

  #put({ name }: Machine): Call {
    return { type: 'put', key: `probe ${name}`, value: `probe-${this.#calls}`, previous: false };
  }

  #get({ name }: Machine): Call {
    const key = `probe ${name}`;
    return { type: 'range', key, end: undefined, revision: 0, limit: 0, serializable: false };
  }
}
