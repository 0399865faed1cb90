import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';
import { parseHostPort } from '../../src/base/address.js';
import type { ClusterMember } from '../system/processes/cluster-member.js';

/** The kernel counts CPU time in these on every Linux (`getconf CLK_TCK`). */
const clockTicksPerSecond = 100;
const sampleIntervalMs = 150;
/** A member that does not tell its metrics for so long is not asked again; its delay is as long. */
const scrapeTimeoutMs = 10_000;

/** CPU time in user and system mode of all threads of a process. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in parentheses, which may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond;
}

/** How long the thread of the event loop was ready to run and had to wait for a processor; 0 where that is not told. */
function processorWaitMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** Resident pages of no file: heap, buffers, caches of its own. The database's pages are the kernel's to take back. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s*(\d+) kB/m.exec(status)?.[1]) * 1024;
}

export interface Sample {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** The longest by which a turn was late since the sample before; how much of it others took, who had the processors. */
  readonly delayMs: number;
  readonly processorWaitMs: number;
  readonly isLeader: boolean;
  readonly term: number;
}

/** Looks at one member again and again, from an address that no attack comes from. */
export class MemberWatch {
  readonly member: ClusterMember;
  readonly #from: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #stopped = new AbortController();
  /** Sizes are looked at also while the member answers nothing. */
  readonly #sizes: NodeJS.Timeout;
  readonly #ended: Promise<void>;
  #longestDelayMs = 0;
  #longestWaitMs = 0;
  #waitedMs = 0;
  #largestBytes = 0;
  #last: Sample | undefined;

  constructor(member: ClusterMember, from: string) {
    this.member = member;
    this.#from = from;
    this.#sizes = setInterval(() => this.#measure(), sampleIntervalMs);
    this.#ended = this.#run();
  }

  /** Since the last reset(): the longest delay that was the member's own, the longest wait for a processor, the largest size. */
  get longestDelayMs(): number {
    return this.#longestDelayMs;
  }

  get longestWaitMs(): number {
    return this.#longestWaitMs;
  }

  get largestBytes(): number {
    return this.#largestBytes;
  }

  get last(): Sample | undefined {
    return this.#last;
  }

  reset(): void {
    this.#longestDelayMs = 0;
    this.#longestWaitMs = 0;
    this.#largestBytes = 0;
    this.#measure();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    clearInterval(this.#sizes);
    await this.#ended;
    this.#agent.destroy();
  }

  #measure(): void {
    if (!this.member.isRunning) return;
    try {
      this.#largestBytes = Math.max(this.#largestBytes, residentBytes(this.member.process.pid));
    } catch {
      // It has ended just now.
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && this.member.isRunning) {
      try {
        await this.sample();
      } catch {
        // It has ended meanwhile, which the outcome tells.
      }
      await after(sampleIntervalMs, undefined, { signal }).catch(() => {});
    }
  }

  /** One look now. Rejects when the process is gone. */
  async sample(): Promise<Sample> {
    const { pid } = this.member.process;
    const beganMs = performance.now();
    const metrics = await this.#scrape();
    const tookMs = performance.now() - beganMs;
    const allWaitedMs = processorWaitMs(pid);
    const waitedMs = allWaitedMs - this.#waitedMs;
    this.#waitedMs = allWaitedMs;
    const value = (name: string): number =>
      Number(new RegExp(`^${name} (.+)$`, 'm').exec(metrics ?? '')?.[1]);
    const told = value('kvorum_event_loop_delay_seconds\\{quantile="1"\\}') * 1000;
    const sample: Sample = {
      cpuSeconds: cpuSeconds(pid),
      residentBytes: residentBytes(pid),
      delayMs: metrics === undefined ? tookMs : told,
      processorWaitMs: waitedMs,
      isLeader: value('kvorum_is_leader') === 1,
      term: value('kvorum_term'),
    };
    const waitMs = Math.min(sample.delayMs, sample.processorWaitMs);
    this.#longestDelayMs = Math.max(this.#longestDelayMs, sample.delayMs - waitMs);
    this.#longestWaitMs = Math.max(this.#longestWaitMs, waitMs);
    if (metrics !== undefined) this.#last = sample;
    return sample;
  }

  /** @returns undefined: the member did not answer in time, or not at all */
  #scrape(): Promise<string | undefined> {
    const { host, port } = parseHostPort('address', this.member.endpoint);
    const where = { host, port, path: '/metrics', localAddress: this.#from, agent: this.#agent };
    return new Promise((resolve) => {
      const request = get({ ...where, timeout: scrapeTimeoutMs }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.once('end', () => resolve(text)).once('error', () => resolve(undefined));
      });
      request.once('timeout', () => request.destroy());
      request.once('error', () => resolve(undefined));
    });
  }
}

export const officeOf = (sample: Sample | undefined): string =>
  sample === undefined ? 'unknown' : `${sample.isLeader ? 'leader' : 'follower'} of term ${sample.term}`;
