import type { Request } from './calls.js';
import type { Call, Outcome } from './checkers/history.js';
import { Liveness, type CallEnd, type CallKind } from './checkers/liveness.js';
import { livenessBounds, type LivenessBounds } from './checkers/liveness-bounds.js';
import type { Cluster } from './cluster.js';
import type { Arrival, LivenessObserver } from './liveness-observer.js';
import { Standings } from './standings.js';

const notServedCodes: readonly string[] = ['NO_LEADER', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED'];
/** What the state machine answers. */
const servedCodes: readonly string[] = ['REVISION_COMPACTED', 'REVISION_IN_FUTURE'];

/** Shows the checker of liveness what the cluster and its clients do. */
export class LivenessWatch implements LivenessObserver {
  readonly #cluster: Cluster;
  readonly #standings: Standings;
  readonly #checker: Liveness;
  readonly #lookEveryMs: number;
  #nextLookMs = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#lookEveryMs = cluster.options.heartbeatIntervalMs;
    this.#standings = new Standings(cluster);
    this.#checker = new Liveness(this.#bounds(), (life, what, forMs, boundMs) => {
      const times = `for ${Math.round(forMs)} ms; ${Math.round(boundMs)} ms are allowed`;
      cluster.fail(new Error(`${life} ${what}, ${times}`));
    });
  }

  #bounds(): LivenessBounds {
    const { plan, options, network } = this.#cluster;
    return livenessBounds({ ...plan, options, network: network.conditions });
  }

  networkChanged(): void {
    this.#checker.bounds = this.#bounds();
    this.disturb();
  }

  disturb(): void {
    this.#checker.disturb();
  }

  pass(): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + this.#lookEveryMs;
    this.look();
  }

  look(): void {
    const { standings, changed } = this.#standings.look();
    if (changed) this.disturb();
    this.#checker.look(this.#cluster.clock.monotonicMs(), standings);
    this.#cluster.snapshots.arrivals.look();
  }

  arrived({ server, id, request, timeoutMs }: Arrival): void {
    const kind = kindOf(request.calls[0]);
    if (kind === undefined || !isOneStep(request)) return;
    const givenMs = Math.min(timeoutMs, this.#cluster.options.requestTimeoutMs);
    const arrivedMs = this.#cluster.clock.monotonicMs();
    this.#checker.begun(server, id, { kind, arrivedMs, timeoutMs: givenMs });
  }

  pageRead(server: string, call: Call): void {
    const kind = kindOf(call);
    if (kind !== undefined) this.#checker.served(server, kind, this.#cluster.clock.monotonicMs());
  }

  ended({ server, id, request }: Arrival, outcomes: readonly Outcome[] | undefined): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    for (const [at, outcome] of (outcomes ?? []).entries()) {
      const kind = kindOf(request.calls[at]);
      if (kind !== undefined && isServed(outcome)) this.#checker.served(server, kind, nowMs);
    }
    this.#checker.ended(server, id, endOf(outcomes), nowMs);
  }
}

/** Undefined: it needs no majority. */
function kindOf(call: Call | undefined): CallKind | undefined {
  if (call === undefined) return undefined;
  if (call.type !== 'range') return 'write';
  return call.serializable ? undefined : 'read';
}

/** Ranges are read in slices, or in pages that are calls of their own each: how long they take is another question. */
function isOneStep({ calls }: Request): boolean {
  const [call] = calls;
  return call?.type !== 'range' || call.end === undefined;
}

function isServed(outcome: Outcome): boolean {
  return outcome.kind === 'ok' || servedCodes.includes(outcome.code);
}

function endOf(outcomes: readonly Outcome[] | undefined): CallEnd {
  if (outcomes === undefined) return 'lost';
  if (outcomes.some(isServed)) return 'served';
  return outcomes.some((each) => each.kind !== 'ok' && notServedCodes.includes(each.code))
    ? 'not-served'
    : 'refused';
}
