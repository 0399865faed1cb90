import type { MemberOptions } from '../src/member/options.js';
import type { NetworkConditions } from '../src/peer/memory-network.js';
import { Dice } from './dice.js';
import { faultKinds, faultThemes, type FaultKind } from './faults/kinds.js';

/** One fault of a run: when, what, and the seed of everything that it draws itself. */
export interface PlannedFault {
  readonly number: number;
  readonly atMs: number;
  readonly kind: FaultKind;
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
  /** Relative frequencies. */
  readonly mix: Readonly<Record<CallKind, number>>;
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
  readonly segmentSizesBytes: readonly number[];
  readonly network: NetworkConditions;
  readonly disk: DiskPlan;
  readonly clients: ClientPlan;
  readonly turnMsMax: number;
  /** Clocks differ from true time by at most this part of it. */
  readonly driftMax: number;
  readonly faults: readonly PlannedFault[];
}

/** What may be asked for instead of what the seed says. */
export interface PlanChanges {
  readonly members?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly clients?: number | undefined;
  readonly callsMax?: number | undefined;
  /** Numbers of the faults that happen; undefined: all. */
  readonly faults?: readonly number[] | undefined;
}

export const membersMax = 7;

export function makePlan(seed: number, changes: PlanChanges = {}): Plan {
  const plan = drawPlan(seed);
  return {
    ...plan,
    members: changes.members ?? plan.members,
    durationMs: changes.durationMs ?? plan.durationMs,
    clients: {
      ...plan.clients,
      count: changes.clients ?? plan.clients.count,
      callsMax: changes.callsMax ?? plan.clients.callsMax,
    },
    faults: plan.faults.filter(({ number }) => changes.faults?.includes(number) ?? true),
  };
}

function drawPlan(seed: number): Plan {
  const dice = Dice.of(seed, 'plan');
  const durationMs = dice.pick([4000, 8000, 15_000, 30_000]);
  const heartbeatIntervalMs = dice.pick([20, 50, 100, 100]);
  const leaseReads = dice.chance(0.25);
  return {
    seed,
    members: dice.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 7]),
    durationMs,
    options: {
      heartbeatIntervalMs,
      electionTimeoutMs: heartbeatIntervalMs * 10,
      leaseReads,
      requestTimeoutMs: dice.pick([1000, 3000, 7000]),
      logEntriesKept: dice.pick([5, 20, 100, 1000]),
      logSizeBytesKept: dice.pick([4096, 64 * 1024 * 1024]),
      entriesInFlightMax: dice.pick([1, 4]),
      messageEntriesSizeBytesMax: dice.pick([256, 4096, 1024 * 1024]),
      inflightMessagesMax: dice.pick([2, 16, 256]),
      uncommittedSizeBytesMax: dice.pick([2000, 64 * 1024 * 1024]),
      committedSizeBytesMax: dice.pick([1, 500, 8 * 1024 * 1024]),
      promotionLagEntriesMax: dice.pick([0, 16]),
    },
    segmentSizesBytes: dice.pick([[4096], [16_384], [2048, 4096, 65_536]]),
    network: drawNetwork(dice, heartbeatIntervalMs),
    disk: drawDisk(dice),
    clients: drawClients(dice),
    turnMsMax: dice.pick([0, 0, 0.1, 2]),
    driftMax: leaseReads ? dice.pick([0, 0.001, 0.05]) : dice.pick([0, 0.001, 0.3]),
    faults: drawFaults(dice, durationMs),
  };
}

function drawNetwork(dice: Dice, heartbeatIntervalMs: number): NetworkConditions {
  const latencyMsMin = dice.pick([0, 0.05, 0.5, 5]);
  return {
    latencyMsMin,
    latencyMsMax: latencyMsMin + dice.pick([0.1, 1, heartbeatIntervalMs / 2]),
    lossProbability: dice.pick([0, 0, 0.01, 0.08]),
    duplicateProbability: dice.pick([0, 0, 0.01, 0.1]),
    snapshotChunkSizeBytes: 256 * 1024,
    reorders: dice.chance(0.5),
  };
}

function drawDisk(dice: Dice): DiskPlan {
  const syncMsMin = dice.pick([0, 0.1, 1]);
  const flushIntervalMsMin = dice.pick([10, 50, 500]);
  return {
    syncMsMin,
    syncMsMax: syncMsMin + dice.pick([0, 0.2, 5, 30]),
    writeDelayProbability: dice.pick([0, 0.02, 0.3]),
    reportDelayProbability: dice.pick([0, 0.02, 0.3]),
    flushIntervalMsMin,
    flushIntervalMsMax: flushIntervalMsMin * dice.pick([1, 4]),
  };
}

function drawClients(dice: Dice): ClientPlan {
  const weight = (): number => dice.pick([0, 1, 1, 3]);
  const count = dice.pick([1, 3, 5, 10, 20]);
  return {
    count,
    pauseMsMax: (2000 * count) / dice.pick([5, 20, 20, 60, 60, 200]),
    keyCount: dice.pick([1, 3, 10]),
    timeoutMs: dice.pick([300, 1000, 5000]),
    mix: {
      put: 3 + weight(),
      delete: weight(),
      'delete-range': weight() / 3,
      get: 2 + weight(),
      range: weight(),
      past: weight() / 2,
      serializable: weight() / 2,
      compact: weight() / 10,
      batch: weight() / 3,
    },
    valueSizeBytesMax: dice.pick([0, 50, 600]),
    callsMax: Infinity,
  };
}

/** Swarm testing (Groce and others, 2012): each run leaves out some kinds, so that the others are not masked. */
function drawFaults(dice: Dice, durationMs: number): PlannedFault[] {
  const kept = dice.pick([0, 0.2, 0.5, 0.8]);
  const kinds = dice.chance(0.5) ? dice.pick(faultThemes) : faultKinds.filter(() => dice.chance(kept));
  if (kinds.length === 0) return [];
  const everyMs = dice.pick([150, 400, 1200, 4000]);
  const faults: PlannedFault[] = [];
  for (let atMs = dice.ms(0, everyMs); atMs < durationMs; atMs += dice.ms(everyMs / 4, everyMs * 2)) {
    faults.push({ number: faults.length + 1, atMs, kind: dice.pick(kinds), seed: dice.nextUint32() });
  }
  return faults;
}
