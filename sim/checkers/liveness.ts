import type { LivenessBounds } from './liveness-bounds.js';

/** What is true of one member at a moment, as nobody in the cluster can know it. */
export interface Standing {
  /** The run of its process, as operations name it. */
  readonly life: string;
  /** It gets to run: it is not stopped, nor its machine suspended. */
  readonly runs: boolean;
  /** So are its disk, what it holds, and its links with a majority of which the same is true. */
  readonly healthy: boolean;
  /** It and its leader agree on who leads, and that one is healthy too. */
  readonly led: boolean;
  /** It lacks what was committed a while ago. */
  readonly behind: boolean;
  /** With it a majority is healthy that does not lack that: something can be committed. */
  readonly joined: boolean;
  /** What a snapshot takes to it, where it may need one. */
  readonly transferMs: number;
  readonly appliedIndex: number;
  /** Of who leads: its compactions, which are writes like others, and no client waits for them. */
  readonly ownWrites: number;
  /** What its health says. */
  readonly serving: boolean;
  /** Its log has been at one operation of the disk since then; undefined: at none. */
  readonly diskSinceMs: number | undefined;
  /** It leads, and others could do so without it. */
  readonly replaceable: boolean;
  /** By which its links are slower than those of the run. */
  readonly slowerMs: number;
}

export type CallKind = 'write' | 'read';

/**
 * How a call ends: with success; with a reason that has nothing to do with consensus; with one that says that there was
 * none in time; or not at all, for its caller or its member has gone.
 */
export type CallEnd = 'served' | 'refused' | 'not-served' | 'lost';

/** Told of what must not last so long. */
type Failed = (life: string, what: string, forMs: number, boundMs: number) => void;

interface OpenCall {
  readonly kind: CallKind;
  readonly arrivedMs: number;
  /** What the member was given for it. */
  readonly timeoutMs: number;
}

/** Times since when something holds, without a break; undefined: it does not. */
interface Times {
  runs?: number | undefined;
  healthy?: number | undefined;
  led?: number | undefined;
  /** Healthy, led and not behind, with a majority that is not: nothing keeps it from serving. */
  fit?: number | undefined;
  serving?: number | undefined;
  notServing?: number | undefined;
}

class Watched {
  readonly since: Times = {};
  readonly servedMs: Record<CallKind, number> = { write: -Infinity, read: -Infinity };
  readonly open = new Map<number, OpenCall>();
  slowerMs = 0;
  #appliedIndex = -1;
  appliedMs = -Infinity;
  #ownWrites = Infinity;

  take(standing: Standing, nowMs: number): void {
    const { runs, healthy, led, behind, joined, serving, appliedIndex, ownWrites } = standing;
    const { since } = this;
    const from = (before: number | undefined, holds: boolean): number | undefined =>
      holds ? (before ?? nowMs) : undefined;
    since.runs = from(since.runs, runs);
    since.healthy = from(since.healthy, healthy);
    since.led = from(since.led, healthy && led);
    since.fit = from(since.fit, healthy && led && !behind && joined);
    since.serving = from(since.serving, runs && serving);
    since.notServing = from(since.notServing, runs && !serving);
    this.slowerMs = standing.slowerMs;
    if (ownWrites > this.#ownWrites) this.servedMs.write = nowMs;
    this.#ownWrites = ownWrites;
    if (appliedIndex === this.#appliedIndex) return;
    this.#appliedIndex = appliedIndex;
    this.appliedMs = nowMs;
  }

  disturb(): void {
    this.since.healthy = undefined;
    this.since.led = undefined;
    this.since.fit = undefined;
  }
}

/**
 * What must happen to each member: one that is healthy for long is led, catches up, serves, and says so; one that does
 * not serve does not say that it does; one whose disk hangs does not lead. Fed with what is true, look by look, and with
 * the calls of all clients. How long is long: liveness-bounds.ts.
 */
export class Liveness {
  bounds: LivenessBounds;
  readonly #failed: Failed;
  readonly #watched = new Map<string, Watched>();

  /** @param failed told of each violation */
  constructor(bounds: LivenessBounds, failed: Failed) {
    this.bounds = bounds;
    this.#failed = failed;
  }

  /** Something happened: whoever is healthy must have been so again for as long. */
  disturb(): void {
    for (const watched of this.#watched.values()) watched.disturb();
  }

  /** @param standings of all members whose processes there are */
  look(nowMs: number, standings: readonly Standing[]): void {
    for (const standing of standings) {
      const watched = this.#of(standing.life);
      watched.take(standing, nowMs);
      this.#check(standing, watched, nowMs);
    }
    if (this.#watched.size <= standings.length) return;
    const lives = new Set(standings.map(({ life }) => life));
    for (const [life, { open }] of this.#watched) {
      if (!lives.has(life) && open.size === 0) this.#watched.delete(life);
    }
  }

  /** A call has come to a member that runs. */
  begun(life: string, id: number, call: OpenCall): void {
    this.#of(life).open.set(id, call);
  }

  ended(life: string, id: number, end: CallEnd, nowMs: number): void {
    const watched = this.#of(life);
    const call = watched.open.get(id);
    if (call !== undefined && end === 'not-served') this.#checkCall(life, watched, call, nowMs);
    watched.open.delete(id);
  }

  /** A call that nothing is demanded of shows that others would have been served. */
  served(life: string, kind: CallKind, nowMs: number): void {
    this.#of(life).servedMs[kind] = nowMs;
  }

  #of(life: string): Watched {
    let watched = this.#watched.get(life);
    if (watched === undefined) this.#watched.set(life, (watched = new Watched()));
    return watched;
  }

  #check(standing: Standing, watched: Watched, nowMs: number): void {
    const { life, led, behind, transferMs, slowerMs, diskSinceMs } = standing;
    const { electionMs, catchUpMs, serveMs, reportMs, hungMs, leaveOfficeMs } = this.bounds;
    const { since, appliedMs } = watched;
    // Votes may come later than candidates wait for them.
    const demand = (what: string, boundMs: number, ...sinceMs: (number | undefined)[]): void =>
      this.#demand(life, what, nowMs, boundMs, sinceMs);
    if (!led && slowerMs === 0) demand('has no leader', electionMs, since.healthy);
    if (behind) demand('does not catch up', catchUpMs + transferMs + slowerMs, since.led, appliedMs);
    const silentMs = serveMs + reportMs + slowerMs;
    demand('could serve, and says that it does not', silentMs, since.fit, since.notServing);
    if (diskSinceMs !== undefined) {
      demand('says that it serves, and its disk hangs', hungMs, since.serving, diskSinceMs);
      if (standing.replaceable) demand('leads, and its disk hangs', leaveOfficeMs, since.runs, diskSinceMs);
    }
    for (const call of this.#oldest(watched)) this.#checkCall(life, watched, call, nowMs);
  }

  /** What came later is not served before it. */
  #oldest({ open }: Watched): OpenCall[] {
    const oldest: Partial<Record<CallKind, OpenCall>> = {};
    for (const call of open.values()) oldest[call.kind] ??= call;
    return Object.values(oldest);
  }

  #checkCall(life: string, watched: Watched, { kind, arrivedMs, timeoutMs }: OpenCall, nowMs: number): void {
    const { serveMs, unableMs, clockSlowness, endMs } = this.bounds;
    const { since, slowerMs } = watched;
    const servedMs = watched.servedMs[kind];
    const demand = (what: string, boundMs: number, ...sinceMs: (number | undefined)[]): void =>
      this.#demand(life, what, nowMs, boundMs, sinceMs);
    demand(`could serve, and a ${kind} waits`, serveMs + slowerMs, since.fit, arrivedMs, servedMs);
    demand(`says that it serves, and a ${kind} waits`, unableMs, since.serving, arrivedMs, servedMs);
    demand(`has a ${kind} whose time is up`, timeoutMs * clockSlowness + endMs, since.runs, arrivedMs);
  }

  /** @param since the newest counts; undefined: what would be demanded of does not hold now */
  #demand(
    life: string,
    what: string,
    nowMs: number,
    boundMs: number,
    since: readonly (number | undefined)[],
  ): void {
    let sinceMs = -Infinity;
    for (const each of since) sinceMs = Math.max(sinceMs, each ?? Infinity);
    const forMs = nowMs - sinceMs;
    if (forMs >= boundMs) this.#failed(life, what, forMs, boundMs);
  }
}
