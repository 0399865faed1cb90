import { sliceUnits } from '../src/base/work.js';
import type { MemberOptions } from '../src/member/options.js';
import type { NetworkConditions } from '../src/peer/memory-network.js';
import {
  cornerDurationMs,
  cornerEveryMs,
  cornerKinds,
  corners,
  laterCornerKinds,
  type Corner,
  type CornerKind,
} from './corners.js';
import { Dice } from './dice.js';
import { faultKinds, faultThemes, stragglerThemes, type FaultKind } from './faults/kinds.js';

/** One fault of a run: when, what, and the seed of everything that it draws itself. */
export interface PlannedFault {
  /** Its kind, and which of that kind: `kill.3`. */
  readonly id: string;
  readonly atMs: number;
  readonly kind: FaultKind | CornerKind;
  readonly seed: number;
}

/** How the disks behave when nothing is wrong with them. */
export interface DiskPlan {
  readonly syncMsMin: number;
  readonly syncMsMax: number;
  /** Of operations that take their time before they have effect, and before they are reported. */
  readonly writeDelayProbability: number;
  readonly reportDelayProbability: number;
  readonly flushIntervalMsMin: number;
  readonly flushIntervalMsMax: number;
}

export interface ClientPlan {
  readonly count: number;
  /** Between an answer and the next call. */
  readonly pauseMsMax: number;
  readonly keyCount: number;
  readonly timeoutMs: number;
  /** Of calls that their caller gives up before the time is over. */
  readonly cancelProbability: number;
  /** Relative frequencies. */
  readonly mix: Readonly<Record<CallKind, number>>;
  /** Of calls that compare and set or delete, instead of what the mix says. */
  readonly comparisonPart: number;
  readonly valueSizeBytesMax: number;
  /** Calls of all clients together; Infinity: as many as there is time for. */
  readonly callsMax: number;
}

export const callKinds = [
  'put',
  'delete',
  'delete-range',
  'get',
  'range',
  'past',
  'serializable',
  'compact',
  'batch',
] as const;
export type CallKind = (typeof callKinds)[number];

/** Everything about a run that is decided before it begins: drawn from the seed, then changed by what was asked for. */
export interface Plan {
  readonly seed: number;
  readonly members: number;
  readonly durationMs: number;
  readonly options: Partial<MemberOptions>;
  /** A process takes one of them each time it starts. */
  readonly segmentSizesBytes: readonly number[];
  /** Most machines begin with the format of the log that was before, and change over at one of their restarts. */
  readonly upgradesLogs: boolean;
  readonly network: NetworkConditions;
  readonly disk: DiskPlan;
  readonly clients: ClientPlan;
  /** What a turn of a member takes at most. */
  readonly turnMsMax: number;
  /** Clocks differ from true time by at most this part of it. */
  readonly driftMax: number;
  /** In the order of their times. */
  readonly faults: readonly PlannedFault[];
}

/** What may be asked for instead of what the seed says. */
export interface PlanChanges {
  readonly members?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly clients?: number | undefined;
  readonly callsMax?: number | undefined;
  /** Ids of the faults that happen; undefined: all. */
  readonly faults?: readonly string[] | undefined;
}

export const membersMax = 7;

/** The numbers were chosen so that the seeds which had been written down before draw none of these: they run as they did. */
const comparisonKnob = 'comparisons 1544400';
const cornerKnob = 'corner 1496';
const laterCornerKnob = 'later corner 6';
const stragglerKnob = 'straggler theme 1';
const sixKnob = 'six 103';
const cornerLeaseKnob = 'corner lease reads 0';
const faultKnobs: Partial<Record<FaultKind, string>> = {
  'rot-state': 'rot-state 232150',
  'lost-syncs': 'lost-syncs 5267481',
  straggler: 'straggler 1637376',
  'lost-sector': 'lost-sector 628459',
  'rolling-upgrade': 'rolling-upgrade 9068870',
};

/** Of runs. */
const cornerPart = 0.1;
const laterCornerPart = 0.04;
const stragglerThemePart = 0.06;

export function makePlan(seed: number, changes: PlanChanges = {}): Plan {
  const plan = new Draft(seed).plan();
  return {
    ...plan,
    members: changes.members ?? plan.members,
    durationMs: changes.durationMs ?? plan.durationMs,
    clients: {
      ...plan.clients,
      count: changes.clients ?? plan.clients.count,
      callsMax: changes.callsMax ?? plan.clients.callsMax,
    },
    faults: plan.faults.filter(({ id }) => changes.faults?.includes(id) ?? true),
  };
}

/** Besides values: a call may write several keys, each with a row of its own and a change. */
const stateBytesPerCall = 300;

/**
 * Draws a plan. Each knob has a stream of its own, so that a knob that is added later leaves the plans of known
 * seeds as they were. Swarm testing (Groce and others, 2012): each run leaves out most kinds of faults and turns
 * some knobs far, so that what is frequent does not mask what is rare.
 */
class Draft {
  readonly #seed: number;
  readonly #cornerKind: CornerKind | undefined;
  readonly #corner: Corner | undefined;

  constructor(seed: number) {
    this.#seed = seed;
    this.#cornerKind =
      this.#drawn(laterCornerKnob, laterCornerPart, laterCornerKinds) ??
      this.#drawn(cornerKnob, cornerPart, cornerKinds);
    this.#corner = this.#cornerKind === undefined ? undefined : corners[this.#cornerKind];
  }

  #dice(knob: string): Dice {
    return Dice.of(this.#seed, `plan ${knob}`);
  }

  /** One of the values, in so many of all runs. */
  #drawn<T>(knob: string, part: number, values: readonly T[]): T | undefined {
    const dice = this.#dice(knob);
    return dice.chance(part) ? dice.pick(values) : undefined;
  }

  #pick<T>(knob: string, values: readonly T[]): T {
    return this.#dice(knob).pick(values);
  }

  plan(): Plan {
    const corner = this.#corner;
    const durationMs =
      corner === undefined ? this.#pick('duration', [4000, 8000, 15_000, 30_000]) : cornerDurationMs;
    const heartbeatIntervalMs = corner?.heartbeatIntervalMs ?? this.#pick('heartbeat', [20, 50, 100, 100]);
    const leaseReads =
      corner?.leaseReads === undefined
        ? this.#pick('lease reads', [false, false, false, true])
        : this.#pick(cornerLeaseKnob, corner.leaseReads);
    return {
      seed: this.#seed,
      members: corner?.members ?? this.#members(),
      durationMs,
      options: { ...this.#options(heartbeatIntervalMs, leaseReads), ...corner?.options },
      segmentSizesBytes:
        corner?.segmentSizesBytes ?? this.#pick('segments', [[4096], [16_384], [2048, 4096, 65_536]]),
      upgradesLogs: this.#upgradesLogs(),
      network: { ...this.#network(heartbeatIntervalMs), ...corner?.network },
      disk: this.#disk(),
      clients: this.#clients(),
      turnMsMax: corner?.turnMsMax ?? this.#pick('turn', [0, 0, 0.1, 2]),
      // A lease trusts clocks to run at like speed.
      driftMax: this.#pick('drift', leaseReads ? [0, 0.001, 0.05] : [0, 0.001, 0.3]),
      faults:
        this.#cornerKind === undefined ? this.#faults(durationMs) : this.#cornerFaults(this.#cornerKind),
    };
  }

  #upgradesLogs(): boolean {
    return this.#pick('log formats', [false, true]);
  }

  #members(): number {
    const members = this.#pick('members', [1, 2, 3, 3, 3, 3, 4, 5, 5, 7]);
    return members === 7 && this.#dice(sixKnob).chance(0.5) ? 6 : members;
  }

  #options(heartbeatIntervalMs: number, leaseReads: boolean): Partial<MemberOptions> {
    return {
      heartbeatIntervalMs,
      electionTimeoutMs: heartbeatIntervalMs * 10,
      leaseReads,
      requestTimeoutMs: this.#pick('request timeout', [1000, 3000, 7000]),
      proposalsWaitingMax: this.#pick('proposals', [2, 16_384, 16_384]),
      readsWaitingMax: this.#pick('reads', [2, 65_536, 65_536]),
      // Small, for ranges are short: most take several turns, with writes in between.
      readSliceUnits: this.#pick('read slices', [1, 5, sliceUnits]),
      entrySizeBytesMax: this.#pick('entry size', [100, 4 * 1024 * 1024]),
      logEntriesKept: this.#pick('log entries', [5, 20, 100, 1000]),
      logSizeBytesKept: this.#pick('log size', [4096, 64 * 1024 * 1024]),
      entriesInFlightMax: this.#pick('entries in flight', [1, 4]),
      messageEntriesSizeBytesMax: this.#pick('message size', [256, 4096, 1024 * 1024]),
      inflightMessagesMax: this.#pick('inflight messages', [2, 16, 256]),
      uncommittedSizeBytesMax: this.#pick('uncommitted size', [2000, 64 * 1024 * 1024]),
      stateBacklogSizeBytesMax: this.#stateBacklogSizeBytesMax(),
      // Small, for several of them are filled and removed in one run.
      revisionSegmentSizeBytesMax: this.#pick('revision segments', [200, 1000, 16_364]),
      committedSizeBytesMax: this.#pick('committed size', [1, 500, 8 * 1024 * 1024]),
      applyUnitsMax: this.#pick('apply units', [1, 20, 512]),
      compactionUnitsMax: this.#pick('compaction units', [1, 20, 400]),
      promotionLagEntriesMax: this.#pick('promotion lag', [0, 16]),
    };
  }

  /** Small, but no smaller than what the clients write between two flushes: more would never get through. */
  #stateBacklogSizeBytesMax(): number {
    const { flushIntervalMsMax } = this.#disk();
    const { count, pauseMsMax, valueSizeBytesMax } = this.#clients();
    const callsPerFlush = (flushIntervalMsMax * count * 2) / pauseMsMax;
    return Math.max(
      this.#pick('state backlog', [300, 5000, 64 * 1024 * 1024]),
      Math.ceil(callsPerFlush * (stateBytesPerCall + valueSizeBytesMax)),
    );
  }

  #network(heartbeatIntervalMs: number): NetworkConditions {
    const latencyMsMin = this.#pick('least latency', [0, 0.05, 0.5, 5]);
    const isFar = latencyMsMin === 5;
    const isLarge = this.#clients().valueSizeBytesMax === 600;
    return {
      latencyMsMin,
      latencyMsMax: latencyMsMin + this.#pick('latency', [0.1, 1, heartbeatIntervalMs / 2]),
      lossProbability: this.#pick('loss', [0, 0, 0.01, 0.08]),
      duplicateProbability: this.#pick('duplicates', [0, 0, 0.01, 0.1]),
      // Each chunk waits for its answer: a large state in small ones would not arrive within a run.
      snapshotChunkSizeBytes: this.#pick('chunks', [isFar && isLarge ? 2000 : 100, 2000, 256 * 1024]),
      reorders: this.#pick('reorders', [false, true]),
    };
  }

  #disk(): DiskPlan {
    const syncMsMin = this.#pick('least sync', [0, 0.1, 1]);
    const flushIntervalMsMin = this.#pick('flush', [10, 50, 500]);
    return {
      syncMsMin,
      syncMsMax: syncMsMin + this.#pick('sync', [0, 0.2, 5, 30]),
      writeDelayProbability: this.#pick('write delay', [0, 0.02, 0.3]),
      reportDelayProbability: this.#pick('report delay', [0, 0.02, 0.3]),
      flushIntervalMsMin,
      flushIntervalMsMax: flushIntervalMsMin * this.#pick('flush spread', [1, 4]),
      ...this.#corner?.disk,
    };
  }

  #clients(): ClientPlan {
    const weight = (kind: CallKind): number => this.#pick(`weight of ${kind}`, [0, 1, 1, 3]);
    const load = this.#corner?.clients;
    const count = load?.count ?? this.#pick('clients', [1, 3, 5, 10, 20]);
    const callsPerSecond = load?.callsPerSecond ?? this.#pick('calls', [5, 20, 20, 60, 60, 200]);
    return {
      count,
      pauseMsMax: (2000 * count) / callsPerSecond,
      keyCount: this.#pick('keys', [1, 3, 10]),
      timeoutMs: this.#pick('call timeout', [300, 1000, 5000]),
      cancelProbability: this.#pick('cancel', [0, 0, 0.05]),
      mix: {
        put: 3 + weight('put'),
        delete: weight('delete'),
        'delete-range': weight('delete-range') / 3,
        get: 2 + weight('get'),
        range: weight('range'),
        past: weight('past') / 2,
        serializable: weight('serializable') / 2,
        compact: weight('compact') / 10,
        batch: weight('batch') / 3,
      },
      comparisonPart: this.#pick(comparisonKnob, [0, 0, 0, 0, 0, 0, 0.15, 0.5]),
      valueSizeBytesMax: load?.valueSizeBytesMax ?? this.#pick('value size', [0, 50, 600]),
      callsMax: Infinity,
    };
  }

  #faults(durationMs: number): PlannedFault[] {
    const themes = this.#dice('theme');
    const often = themes.chance(0.5) ? themes.pick(faultThemes) : undefined;
    const theme = often ?? this.#drawn(stragglerKnob, stragglerThemePart, stragglerThemes);
    const part = this.#pick('faults', [0, 0.15, 0.3, 0.6]);
    const faults: PlannedFault[] = [];
    for (const kind of faultKinds) {
      const dice = this.#dice(`fault ${faultKnobs[kind] ?? kind}`);
      const drawn = dice.chance(kind === 'roll-back' ? 0.4 : part);
      // It needs machines with the older version, whatever else happens.
      const happens = kind === 'roll-back' ? drawn && this.#upgradesLogs() : (theme?.includes(kind) ?? drawn);
      if (!happens) continue;
      const everyMs = dice.pick([400, 2000, 6000]);
      let number = 0;
      for (let atMs = dice.ms(0, everyMs); atMs < durationMs; atMs += dice.ms(everyMs / 4, everyMs * 2)) {
        faults.push({ id: `${kind}.${++number}`, atMs, kind, seed: dice.nextUint32() });
      }
    }
    return faults.sort((left, right) => left.atMs - right.atMs);
  }

  /** The same again and again, and no others: what leads to the corner must not be disturbed. */
  #cornerFaults(kind: CornerKind): PlannedFault[] {
    const dice = this.#dice('corner faults');
    const faults: PlannedFault[] = [];
    for (let atMs = dice.ms(0, 500); atMs < cornerDurationMs; atMs += cornerEveryMs) {
      faults.push({ id: `${kind}.${faults.length + 1}`, atMs, kind, seed: dice.nextUint32() });
    }
    return faults;
  }
}
