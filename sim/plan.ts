import type { MemberOptions } from '../src/member/options.js';
import type { NetworkConditions } from '../src/peer/memory-network.js';
import {
  cornerDurationMs,
  cornerEveryMs,
  cornerKinds,
  corners,
  lastCornerKinds,
  latestCornerKinds,
  laterCornerKinds,
  livenessCornerKinds,
  movingCornerKinds,
  streamCornerKinds,
  type Corner,
  type CornerKind,
} from './corners.js';
import { callSizeBytesMax, drawClients, type ClientFrame, type ClientPlan } from './client-plan.js';
import { snapshotMsMax } from './checkers/liveness-bounds.js';
import { Dice } from './dice.js';
import type { DiskPlan } from './disk-plan.js';
import { faultKinds, faultThemes, stragglerThemes, type FaultKind } from './faults/kinds.js';
import {
  boundBacklog,
  drawLaterOptions,
  drawOptions,
  drawPolicy,
  drawStreamBounds,
  drawTransferOptions,
} from './option-plan.js';

/** One fault of a run: when, what, and the seed of everything that it draws itself. */
export interface PlannedFault {
  /** Its kind, and which of that kind: `kill.3`. */
  readonly id: string;
  readonly atMs: number;
  readonly kind: FaultKind | CornerKind;
  readonly seed: number;
}

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
  /** Of the keys of the state's rows, behind which they stand in chunks; Infinity: as they are, however long. */
  readonly chunkSizeBytes: number;
  /** What a turn of a member takes at most. */
  readonly turnMsMax: number;
  /** Clocks differ from true time by at most this part of it. */
  readonly driftMax: number;
  /** What leaves an entry half applied is met by flushes, and by the end of the process. */
  readonly disturbsHalfEntries: boolean;
  /** Clients who wait for their answers are at all members (liveness-probes.ts). */
  readonly probes: boolean;
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
const cornerKnob = 'corner 1496';
const laterCornerKnob = 'later corner 6';
const latestCornerKnob = 'latest corner 8';
const lastCornerKnob = 'last corner 1';
const movingCornerKnob = 'moving corner 9';
const livenessCornerKnob = 'liveness corner 18';
const streamCornerKnob = 'stream corner 4';
const streamBoundsKnob = 'stream bounds 38';
const installKnob = 'slow installations 161';
const stragglerKnob = 'straggler theme 1';
const sixKnob = 'six 103';
const cornerLeaseKnob = 'corner lease reads 0';
const probesKnob = 'liveness probes 361';
const faultKnobs: Partial<Record<FaultKind, string>> = {
  'rot-state': 'rot-state 232150',
  'lost-syncs': 'lost-syncs 5267481',
  straggler: 'straggler 1637376',
  'lost-sector': 'lost-sector 628459',
  'rolling-upgrade': 'rolling-upgrade 9068870',
  'narrow-link': 'narrow-link 110',
};

/** Of runs. */
const cornerPart = 0.1;
const laterCornerPart = 0.04;
const latestCornerPart = 0.02;
const lastCornerPart = 0.02;
const movingCornerPart = 0.02;
const livenessCornerPart = 0.03;
const streamCornerPart = 0.03;
const streamBoundsPart = 0.15;
const slowInstallPart = 0.05;
const stragglerThemePart = 0.06;
const probesPart = 0.05;
/** So long members wait then, as by default. */
const probedTimeoutMs = 7000;

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

/** Not reached in a run. */
const largeLogSizeBytes = 64 * 1024 * 1024;

/** Besides values: a call may write several keys, each with a row of its own and a change. */
const stateBytesPerCall = 600;
/** As a rule: what the state grows by, and the log. */
const usualStateBytesPerCall = 250;
const usualLogBytesPerCall = 150;
/** Of its clients, before and behind the time of the faults. */
const besidesMs = 10_000;

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
      this.#drawn(latestCornerKnob, latestCornerPart, latestCornerKinds) ??
      this.#drawn(laterCornerKnob, laterCornerPart, laterCornerKinds) ??
      this.#drawn(cornerKnob, cornerPart, cornerKinds) ??
      this.#drawn(lastCornerKnob, lastCornerPart, lastCornerKinds) ??
      this.#drawn(movingCornerKnob, movingCornerPart, movingCornerKinds) ??
      this.#drawn(livenessCornerKnob, livenessCornerPart, livenessCornerKinds) ??
      this.#drawn(streamCornerKnob, streamCornerPart, streamCornerKinds);
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

  #picker(): <T>(knob: string, values: readonly T[]) => T {
    return (knob, values) => this.#pick(knob, values);
  }

  plan(): Plan {
    const corner = this.#corner;
    const durationMs = this.#durationMs();
    const heartbeatIntervalMs = corner?.heartbeatIntervalMs ?? this.#pick('heartbeat', [20, 50, 100, 100]);
    const leaseReads =
      corner?.leaseReads === undefined
        ? this.#pick('lease reads', [false, false, false, true])
        : this.#pick(cornerLeaseKnob, corner.leaseReads);
    return {
      seed: this.#seed,
      members: corner?.members ?? this.#members(),
      durationMs,
      options: {
        ...this.#options(heartbeatIntervalMs, leaseReads),
        ...corner?.options,
        ...(corner?.optionChoices !== undefined && this.#pick('corner options', corner.optionChoices)),
        ...(this.#probes() && { requestTimeoutMs: probedTimeoutMs }),
      },
      segmentSizesBytes:
        corner?.segmentSizesBytes ?? this.#pick('segments', [[4096], [16_384], [2048, 4096, 65_536]]),
      upgradesLogs: this.#upgradesLogs(),
      network: { ...this.#network(heartbeatIntervalMs), ...corner?.network },
      disk: this.#disk(),
      clients: this.#clients(),
      chunkSizeBytes: this.#keys().chunkSizeBytes,
      turnMsMax: corner?.turnMsMax ?? this.#pick('turn', [0, 0, 0.1, 2]),
      disturbsHalfEntries: this.#corner === undefined && this.#pick('half entries', [false, true]),
      probes: this.#probes(),
      // A lease trusts clocks to run at like speed.
      driftMax: this.#pick('drift', leaseReads ? [0, 0.001, 0.05] : [0, 0.001, 0.3]),
      faults:
        this.#cornerKind === undefined ? this.#faults(durationMs) : this.#cornerFaults(this.#cornerKind),
    };
  }

  #durationMs(): number {
    return this.#corner === undefined
      ? this.#pick('duration', [4000, 8000, 15_000, 30_000])
      : cornerDurationMs;
  }

  #upgradesLogs(): boolean {
    return this.#pick('log formats', [false, true]);
  }

  #probes(): boolean {
    return this.#corner?.probes ?? this.#dice(probesKnob).chance(probesPart);
  }

  #members(): number {
    const members = this.#pick('members', [1, 2, 3, 3, 3, 3, 4, 5, 5, 7]);
    return members === 7 && this.#dice(sixKnob).chance(0.5) ? 6 : members;
  }

  #options(heartbeatIntervalMs: number, leaseReads: boolean): Partial<MemberOptions> {
    const pick = this.#picker();
    return boundBacklog({
      heartbeatIntervalMs,
      electionTimeoutMs: heartbeatIntervalMs * 10,
      leaseReads,
      ...drawOptions(pick),
      stateBacklogSizeBytesMax: this.#stateBacklogSizeBytesMax(),
      snapshotChunkSizeBytes: this.#snapshotChunkSizeBytes,
      ...drawTransferOptions(pick),
      ...(this.#corner === undefined && drawLaterOptions(pick)),
      ...this.#streamBounds(heartbeatIntervalMs),
      ...this.#policy(),
    });
  }

  /** Not where transfers break off by chance: one that begins anew each time would not arrive. */
  #streamBounds(heartbeatIntervalMs: number): Partial<MemberOptions> {
    const network = this.#network(heartbeatIntervalMs);
    if (this.#corner !== undefined || network.lossProbability > 0) return {};
    if (!this.#dice(streamBoundsKnob).chance(streamBoundsPart)) return {};
    const clients = this.#clients();
    const pick = this.#picker();
    const { revisionSegmentSizeBytesMax = 0 } = drawOptions(pick);
    const { snapshotViewsMax } = drawTransferOptions(pick);
    const callsPerMs = (2 * clients.count) / clients.pauseMsMax;
    const callSizeBytes = callSizeBytesMax(clients, this.#keys().chunkSizeBytes);
    const stateBytesPerMs = callsPerMs * (usualStateBytesPerCall + callSizeBytes);
    const options = {
      snapshotChunkSizeBytes: this.#snapshotChunkSizeBytes,
      snapshotViewsMax: snapshotViewsMax!,
    };
    const stateSizeBytes = stateBytesPerMs * (this.#durationMs() + besidesMs);
    return drawStreamBounds(pick, {
      transferMs: snapshotMsMax({ network, disk: this.#disk(), options }, stateSizeBytes, membersMax - 1),
      stateBytesPerMs: stateBytesPerMs + callsPerMs * revisionSegmentSizeBytesMax,
      logBytesPerMs: callsPerMs * (usualLogBytesPerCall + callSizeBytes),
    });
  }

  #policy(): ReturnType<typeof drawPolicy> {
    return this.#corner === undefined ? drawPolicy(this.#picker()) : {};
  }

  /** Of rows' keys, behind which they stand in chunks; Infinity: never. What leads to a corner has plain keys. */
  #keys(): Pick<ClientFrame, 'alphabet' | 'chunkSizeBytes'> {
    const plain = { alphabet: 'plain', chunkSizeBytes: Infinity } as const;
    if (this.#corner !== undefined) return plain;
    const alphabet = this.#pick('alphabet', ['plain', 'plain', 'bytes', 'long'] as const);
    if (alphabet === 'plain') return plain;
    const sizes = alphabet === 'bytes' ? [Infinity, Infinity, 5] : [5, 16, 1960];
    return { alphabet, chunkSizeBytes: this.#pick('key chunks', sizes) };
  }

  /** Small, but no smaller than what the clients write between two flushes: more would never get through. */
  #stateBacklogSizeBytesMax(): number {
    const { flushIntervalMsMax } = this.#disk();
    const clients = this.#clients();
    const { count, pauseMsMax } = clients;
    const callSizeBytes = callSizeBytesMax(clients, this.#keys().chunkSizeBytes);
    const callsPerFlush = (flushIntervalMsMax * count * 2) / pauseMsMax;
    // Of the changes the segment that grows counts whole, in each transaction that has some of it.
    const { revisionSegmentSizeBytesMax = 0 } = drawOptions(this.#picker());
    return Math.max(
      this.#pick('state backlog', [300, 5000, 64 * 1024 * 1024]),
      Math.ceil(callsPerFlush * (stateBytesPerCall + callSizeBytes)) + 2 * revisionSegmentSizeBytesMax,
    );
  }

  get #latencyMsMin(): number {
    return this.#pick('least latency', [0, 0.05, 0.5, 5]);
  }

  /** Each chunk waits for its answer: a large state in small ones would not arrive within a run. */
  get #snapshotChunkSizeBytes(): number {
    const callSizeBytes = callSizeBytesMax(this.#clients(), this.#keys().chunkSizeBytes);
    if (callSizeBytes > 5000) return this.#pick('chunks', [256 * 1024]);
    const isFar = this.#latencyMsMin === 5 && callSizeBytes >= 600;
    return this.#pick('chunks', [isFar ? 2000 : 100, 2000, 256 * 1024]);
  }

  #network(heartbeatIntervalMs: number): NetworkConditions {
    const latencyMsMin = this.#latencyMsMin;
    return {
      latencyMsMin,
      latencyMsMax: latencyMsMin + this.#pick('latency', [0.1, 1, heartbeatIntervalMs / 2]),
      lossProbability: this.#pick('loss', [0, 0, 0.01, 0.08]),
      duplicateProbability: this.#pick('duplicates', [0, 0, 0.01, 0.1]),
      reorders: this.#pick('reorders', [false, true]),
      bandwidthBytesPerMs: Infinity,
      messagePartSizeBytes: 500,
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
      installMsMax: this.#installMsMax(),
      viewMsMax: 0,
      flushIntervalMsMin,
      flushIntervalMsMax: flushIntervalMsMin * this.#pick('flush spread', [1, 4]),
      flushKeysMax:
        this.#corner === undefined ? this.#pick('flush keys', [Infinity, Infinity, 8, 64]) : Infinity,
      ...this.#corner?.disk,
    };
  }

  /** None where the log is kept by few bytes: it would be cut before a slow installation ends, again and again. */
  #installMsMax(): number {
    const { logSizeBytesKept } = drawOptions(this.#picker());
    if (this.#corner !== undefined || logSizeBytesKept! < largeLogSizeBytes) return 0;
    return this.#drawn(installKnob, slowInstallPart, [500, 3000, 10_000]) ?? 0;
  }

  #clients(): ClientPlan {
    return drawClients(this.#picker(), {
      load: this.#corner?.clients,
      ...this.#keys(),
      compactionRevisions: this.#policy().compactionRevisions ?? 0,
    });
  }

  #faults(durationMs: number): PlannedFault[] {
    const themes = this.#dice('theme');
    const often = themes.chance(0.5) ? themes.pick(faultThemes) : undefined;
    const theme = often ?? this.#drawn(stragglerKnob, stragglerThemePart, stragglerThemes);
    const part = this.#pick('faults', [0, 0.15, 0.3, 0.6]);
    const faults: PlannedFault[] = [];
    for (const kind of faultKinds) {
      const dice = this.#dice(`fault ${faultKnobs[kind] ?? kind}`);
      const drawn = dice.chance(kind === 'roll-back' ? 0.4 : kind === 'narrow-link' ? part / 4 : part);
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
