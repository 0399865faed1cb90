import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { attacks } from '../../../test/hostile/attacks/table.js';
import { lookAt, type ClusterView } from '../../../test/hostile/cluster-view.js';
import type { CallFigures, HonestReport } from '../../../test/hostile/honest/figures.js';
import { HonestClients } from '../../../test/hostile/honest/honest-clients.js';
import { cpuSeconds, MemberWatch, officeOf, residentBytes } from '../../../test/hostile/member-watch.js';
import { attackedFlags, fill, watchAddress } from '../../../test/hostile/scene.js';
import type { ClusterMember } from '../../../test/system/processes/cluster-member.js';
import { ProcessCluster } from '../../../test/system/processes/process-cluster.js';
import { honestPrograms, runHonest, type ProgramReport } from './honest-programs.js';
import { Siege, type Tally } from './siege.js';

export interface HostileSoakOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Attacks that go on at a time. */
  readonly attackers: number;
  readonly sampleIntervalMs: number;
  readonly say: (line: string) => void;
  readonly onSample: (seconds: number, members: readonly MemberFigures[]) => void;
}

/** Of one member, from the first attack on. */
export interface MemberFigures {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly largestBytes: number;
  readonly longestDelayMs: number;
  readonly office: string;
}

export interface HostileSoakReport {
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly members: readonly MemberFigures[];
  readonly honest: HonestReport;
  readonly programs: ReadonlyMap<string, ProgramReport>;
  /** What is wrong; nothing, if the members have passed. */
  readonly faults: readonly string[];
}

const mebibyte = 1024 * 1024;

/** What a member keeps of messages with the half that may be missed in counting it, and what it takes without them. */
const residentBytesMax = (1.5 * 512 + 384) * mebibyte;
/** What it may keep of that when the attackers have gone: much of it is free, but not given back by the allocator. */
const settledBytesMax = 768 * mebibyte;
const settleMs = 30_000;
/** Between two uploads of the largest value: all of them stay in the database, as older versions. */
const uploadIntervalMs = 3000;
/** With everything at once; an election time-out is one to two seconds. */
const eventLoopDelayMsMax = 900;
/** Of the calls of one kind, for which there was no time: attackers, members and clients share the processors. */
const lateCallsMax = 1 / 2000;
const lateNewcomersMax = 1 / 100;
/** What a call for which there was no time ends with. Nothing else may happen to one. */
const late = /^(OUTCOME_UNKNOWN|DEADLINE_EXCEEDED|SERVER_UNREACHABLE|4)\b/;

/** Plays all attacks on three members, beside honest clients, of which hardly a call may come too late, and none fail otherwise. */
export async function hostileSoak(options: HostileSoakOptions): Promise<HostileSoakReport> {
  let report: HostileSoakReport | undefined;
  const shown = { diagnostic: options.say };
  await ProcessCluster.run(shown, { size: 3, flags: attackedFlags }, async (cluster) => {
    await fill(cluster.client());
    const view = await lookAt(cluster);
    report = await new HostileSoak(options, cluster, view).run();
    if (report.faults.length > 0) cluster.tell(shown);
  });
  return report!;
}

class HostileSoak {
  readonly #options: HostileSoakOptions;
  readonly #folder: string;
  readonly #view: ClusterView;
  readonly #members: readonly ClusterMember[];
  readonly #faults: string[] = [];
  readonly #programs = new Map<string, ProgramReport>();
  readonly #noise = monitorEventLoopDelay({ resolution: 10 });

  constructor(options: HostileSoakOptions, cluster: ProcessCluster, view: ClusterView) {
    this.#options = options;
    this.#folder = cluster.folder;
    this.#view = view;
    this.#members = cluster.members;
  }

  async run(): Promise<HostileSoakReport> {
    const { seed, attackers, seconds, say } = this.#options;
    const endpoints = this.#members.map(({ endpoint }) => endpoint);
    const programs = await honestPrograms(this.#folder, say);
    const honest = await HonestClients.start({ endpoints, uploadIntervalMs });
    const watches = this.#members.map((member) => new MemberWatch(member, watchAddress));
    const before = await Promise.all(watches.map((watch) => watch.sample()));
    const [clusterId, targets] = [String(this.#view.clusterId), this.#view.targets()];
    const siege = new Siege({ seed, attacks, attackers, clusterId, targets });
    honest.enter('during');
    this.#noise.enable();
    try {
      const laid = siege.lay();
      const served = programs.map(async (program) => {
        const report = await runHonest(program, endpoints, seconds);
        this.#programs.set(program.name, report);
      });
      const failed = Promise.all(served).catch((error: unknown) => this.#faults.push(String(error)));
      await this.#watch(watches);
      siege.lift();
      await laid;
      await failed;
      honest.enter('after');
      await this.#settle();
      const report = await honest.stop();
      this.#faults.push(...siege.faults);
      this.#judgeClients(report);
      this.#tellWhen(report, siege);
      const figures = watches.map((watch) => this.#figures(watch));
      for (const [at, each] of figures.entries()) this.#judgeMember(each, officeOf(before[at]));
      return {
        tallies: siege.tallies,
        members: figures,
        honest: report,
        programs: this.#programs,
        faults: this.#faults,
      };
    } finally {
      siege.lift();
      honest.kill();
      await Promise.all(watches.map((watch) => watch.stop()));
    }
  }

  /** Until the time is over, or a member has ended. */
  async #watch(watches: readonly MemberWatch[]): Promise<void> {
    const { seconds, sampleIntervalMs, onSample } = this.#options;
    const beganMs = performance.now();
    for (;;) {
      const leftMs = beganMs + seconds * 1000 - performance.now();
      if (leftMs <= 0 || this.#members.some(({ isRunning }) => !isRunning)) return;
      await after(Math.min(leftMs, sampleIntervalMs));
      onSample(
        (performance.now() - beganMs) / 1000,
        watches.map((watch) => this.#figures(watch)),
      );
    }
  }

  /** Waits until members have given back what they held, or have had the time for it. */
  async #settle(): Promise<void> {
    const endMs = performance.now() + settleMs;
    const isLarge = ({ isRunning, process: { pid } }: ClusterMember): boolean =>
      isRunning && residentBytes(pid) > settledBytesMax;
    while (this.#members.some(isLarge) && performance.now() < endMs) await after(200);
  }

  #figures(watch: MemberWatch): MemberFigures {
    const { name, isRunning, process } = watch.member;
    return {
      name,
      cpuSeconds: isRunning ? cpuSeconds(process.pid) : 0,
      residentBytes: isRunning ? residentBytes(process.pid) : 0,
      largestBytes: watch.largestBytes,
      longestDelayMs: watch.longestDelayMs,
      office: isRunning ? officeOf(watch.last) : 'has ended',
    };
  }

  #judgeMember(member: MemberFigures, office: string): void {
    const { name } = member;
    const sizes = [member.largestBytes, member.residentBytes].map(
      (bytes) => `${Math.round(bytes / mebibyte)} MiB`,
    );
    if (member.office !== office) this.#faults.push(`${name} was ${office}, is ${member.office}`);
    if (member.largestBytes > residentBytesMax) this.#faults.push(`${name} took ${sizes[0]!}`);
    if (member.residentBytes > settledBytesMax) this.#faults.push(`${name} kept ${sizes[1]!}`);
    if (member.longestDelayMs - this.#noise.max / 1e6 > eventLoopDelayMsMax) {
      this.#faults.push(`${name}: event loop late by ${Math.round(member.longestDelayMs)} ms`);
    }
  }

  #tellWhen({ calls, newcomers }: HonestReport, siege: Siege): void {
    for (const [name, { failedAtMs }] of [
      ['kvorum/client', calls.during],
      ['newcomers', newcomers],
    ] as const) {
      for (const timeMs of failedAtMs) {
        const time = new Date(timeMs).toISOString().slice(11, 23);
        this.#options.say(`${name}: a call failed at ${time}, behind ${siege.before(timeMs).join(', ')}`);
      }
    }
  }

  #judgeClients({ calls, newcomers }: HonestReport): void {
    this.#judgeCalls('kvorum/client', calls.during, lateCallsMax);
    for (const figures of [calls.before, calls.after]) this.#judgeCalls('kvorum/client', figures, 0);
    this.#judgeCalls('newcomers', newcomers, lateNewcomersMax);
    for (const [name, { calls: count, errors, messages, disconnects = 0 }] of this.#programs) {
      this.#judgeCalls(name, { calls: count, failures: errors }, lateCallsMax);
      for (const message of messages) this.#options.say(`  ${message}`);
      if (disconnects > 0) this.#faults.push(`${name}: ${disconnects} connections were lost`);
    }
  }

  #judgeCalls(
    name: string,
    { calls, failures }: Pick<CallFigures, 'calls' | 'failures'>,
    lateMax: number,
  ): void {
    let lateCount = 0;
    for (const [what, count] of Object.entries(failures)) {
      const line = `${name}: ${count} calls failed: ${what}`;
      if (!late.test(what)) this.#faults.push(line);
      else {
        lateCount += count;
        this.#options.say(line);
      }
    }
    if (lateCount > calls * lateMax)
      this.#faults.push(`${name}: ${lateCount} of ${calls} calls came too late`);
  }
}
