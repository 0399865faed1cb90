import type { MemberOutcome, Outcome } from './outcome.js';

const mebibyte = 1024 * 1024;

/** What an attack may cost the member that it falls on, and those who are served beside it. */
export interface Bounds {
  /** By which a turn of the event loop comes late, not counting the time in which others had the processors. */
  readonly eventLoopDelayMsMax: number;
  /** CPU time of the member for each MiB that the attacker and the member exchange. */
  readonly cpuSecondsPerMebibyteMax: number;
  /** By which the member's resident memory grows at most while the attack goes on. */
  readonly growthBytesMax: number;
  /** What is left of that when the attacker has gone and `settleMs` have passed. */
  readonly keptBytesMax: number;
  /** What a member writes to its log for each second of an attack. */
  readonly logBytesPerSecondMax: number;
  /** The honest client's p99 may be this, and what the machine adds, where twice of what it was before is less. */
  readonly p99MsFloor: number;
  /** For somebody who comes anew: a connection, a health check, the status, a write and a read. */
  readonly newcomerMsMax: number;
}

export const defaultBounds: Bounds = {
  // Half of the shortest election time-out: heartbeats of the leader, which leave every 100 ms, still come in time.
  eventLoopDelayMsMax: 500,
  // The cheapest frames are nine bytes, some hundred thousand a MiB, and a few microseconds each. An attack that
  // multiplies what it sends takes seconds.
  cpuSecondsPerMebibyteMax: 1,
  // Buffers of connections, and garbage that waits for its collector; 65,536 watches of 4 KiB each are 256 MiB.
  growthBytesMax: 512 * mebibyte,
  keptBytesMax: 384 * mebibyte,
  // Some lines a second, however much there is to tell: less than 2 GiB a day.
  logBytesPerSecondMax: 20 * 1024,
  // A write takes some ten turns of three event loops and two syncs. Two cores are shared by these, the clients, the
  // attacker and whatever else runs.
  p99MsFloor: 1000,
  newcomerMsMax: 3000,
};

/** What honest clients, the tester's questions and code that runs for the first time take, a second. */
const cpuSecondsPerSecond = 0.5;
const cpuSecondsAtFirst = 1;
/** A connection, its greeting and its end. */
const cpuSecondsPerConnection = 0.002;

/** Turns of event loops that an honest call takes, all in all: each may be late as those of a process that does nothing. */
const turnsPerCall = 10;

const inMebibytes = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`;

/**
 * What went wrong, a line for each.
 *
 * @param strict holds the honest client's p99 to the double of what it was: a quiet machine is needed for that
 */
export function judge(outcome: Outcome, given: Partial<Bounds> = {}, strict = false): readonly string[] {
  const bounds = { ...defaultBounds, ...given };
  return [
    ...outcome.members.flatMap((member) => judgeMember(member, outcome, bounds)),
    ...judgeHonest(outcome, bounds, strict),
  ];
}

function judgeMember(member: MemberOutcome, { deeds, seconds }: Outcome, bounds: Bounds): string[] {
  const { name, running, delayMs, cpuSeconds, growthBytes, keptBytes, loggedBytes, office } = member;
  const exchanged = (deeds.sentBytes + deeds.receivedBytes) / mebibyte;
  const cpuSecondsMax =
    exchanged * bounds.cpuSecondsPerMebibyteMax +
    deeds.connections * cpuSecondsPerConnection +
    seconds * cpuSecondsPerSecond +
    cpuSecondsAtFirst;
  const faults: string[] = [];
  if (!running) faults.push(`has ended: ${member.lastWord}`);
  if (office.before !== office.after) faults.push(`was ${office.before}, is ${office.after}`);
  if (delayMs > bounds.eventLoopDelayMsMax) faults.push(`event loop late by ${Math.round(delayMs)} ms`);
  if (cpuSeconds > cpuSecondsMax) {
    faults.push(`${cpuSeconds.toFixed(1)} s of CPU for ${exchanged.toFixed(1)} MiB`);
  }
  if (growthBytes > bounds.growthBytesMax) faults.push(`grew by ${inMebibytes(growthBytes)}`);
  if (keptBytes > bounds.keptBytesMax) faults.push(`kept ${inMebibytes(keptBytes)}`);
  const logged = loggedBytes / seconds;
  if (logged > bounds.logBytesPerSecondMax) faults.push(`logged ${Math.round(logged / 1024)} KiB a second`);
  for (const error of new Set(member.errors)) faults.push(`logged an error: ${error}`);
  return faults.map((fault) => `${name}: ${fault}`);
}

function judgeHonest({ honest, newcomers, noiseMs }: Outcome, bounds: Bounds, strict: boolean): string[] {
  const twiceMs = 2 * honest.before.p99Ms;
  const p99MsMax = strict ? twiceMs : Math.max(twiceMs, bounds.p99MsFloor + turnsPerCall * noiseMs);
  const { calls, p99Ms, failures } = honest.during;
  const failed = [...Object.entries(failures), ...Object.entries(honest.after.failures)];
  const faults = failed.map(([code, count]) => `${count} honest calls failed: ${code}`);
  if (calls === 0) faults.push('no honest call was answered');
  else if (p99Ms > p99MsMax) {
    faults.push(`honest p99 ${p99Ms.toFixed(1)} ms, before ${honest.before.p99Ms.toFixed(1)} ms`);
  }
  for (const [code, count] of Object.entries(newcomers.failures)) {
    faults.push(`${count} newcomers were not served: ${code}`);
  }
  if (newcomers.longestMs > bounds.newcomerMsMax + turnsPerCall * noiseMs) {
    faults.push(`a newcomer waited ${Math.round(newcomers.longestMs)} ms`);
  }
  return faults;
}
