import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import type { KvorumClient } from '../../src/client/index.js';
import type { ClusterMember } from '../system/processes/cluster-member.js';
import type { ProcessCluster } from '../system/processes/process-cluster.js';
import { attackSeconds, largeKey, smallKey, stored, type Attack } from './attacks/attack.js';
import { AttackProcess } from './attacks/attack-process.js';
import { defaultBounds } from './bounds.js';
import { lookAt } from './cluster-view.js';
import { HonestClients } from './honest/honest-clients.js';
import { MemberWatch, officeOf } from './member-watch.js';
import type { MemberOutcome, Outcome } from './outcome.js';

/** Honest clients have 127.0.0.1, which connections get by themselves; each attack has an address of its own. */
export const watchAddress = '127.0.0.2';
export const attackerAddress = '127.0.0.66';

/** Of `serve` under attack: few enough connections that one attacker can ask for all. */
export const attackedFlags = ['-connections-max=1000'];

/** How long honest clients are measured before the attack. */
const beforeMs = 700;
/** How long clients and members are measured when the attacker has gone. */
const endMs = 500;
/** Until the member must have given back what an attack made it hold. */
const settleMs = 8000;

/** Puts what some attacks ask for. */
export async function fill(client: KvorumClient): Promise<void> {
  const small = Buffer.alloc(stored.smallValueBytes, 'small');
  await Promise.all(Array.from({ length: stored.smallPairs }, (_, at) => client.set(smallKey(at), small)));
  const large = Buffer.alloc(stored.largeValueBytes, 'large');
  for (let at = 0; at < stored.largePairs; at++) await client.set(largeKey(at), large);
}

/** Before the attack; what is measured during it is compared with this. */
interface Beginning {
  readonly watch: MemberWatch;
  readonly cpuSeconds: number;
  readonly bytes: number;
  readonly office: string;
  readonly logLength: number;
  readonly loggedBytes: number;
}

async function begin(watch: MemberWatch): Promise<Beginning> {
  const sample = await watch.sample();
  watch.reset();
  const { log, loggedBytes } = watch.member.process;
  const own = { cpuSeconds: sample.cpuSeconds, bytes: sample.residentBytes, office: officeOf(sample) };
  return { watch, ...own, logLength: log.length, loggedBytes };
}

/** The error that ended it, if it was told. */
function lastWordOf({ process: { log } }: ClusterMember): string {
  return log.plain.findLast((line) => /^\w*Error\b/.test(line)) ?? log.plain.at(-1) ?? 'without a word';
}

/** What the attack did to one member, and what is left of that once it has settled or had its time for it. */
async function outcomeOf(beginning: Beginning): Promise<MemberOutcome> {
  const { watch, cpuSeconds, bytes, office, logLength, loggedBytes } = beginning;
  const { member } = watch;
  const { largestBytes } = watch;
  let last = await watch.sample().catch(() => undefined);
  const spentSeconds = (last?.cpuSeconds ?? cpuSeconds) - cpuSeconds;
  const settledMs = performance.now() + settleMs;
  const kept = (): number => (last?.residentBytes ?? bytes) - bytes;
  while (member.isRunning && kept() > defaultBounds.keptBytesMax && performance.now() < settledMs) {
    await after(200);
    last = await watch.sample().catch(() => undefined);
  }
  return {
    name: member.name,
    running: member.isRunning,
    lastWord: member.isRunning ? '' : lastWordOf(member),
    delayMs: watch.longestDelayMs,
    processorWaitMs: watch.longestWaitMs,
    cpuSeconds: spentSeconds,
    growthBytes: Math.max(0, largestBytes - bytes),
    keptBytes: Math.max(0, kept()),
    loggedBytes: member.process.loggedBytes - loggedBytes,
    errors: member.process.log.errors(logLength).map(({ msg }) => msg),
    office: { before: office, after: officeOf(watch.last) },
  };
}

/** Plays one attack on a cluster that was filled, beside honest clients of the member that is attacked. */
export async function play(
  cluster: ProcessCluster,
  attack: Attack,
  seed: number,
  seconds = attack.seconds ?? attackSeconds,
): Promise<Outcome> {
  const { leader: first, clusterId, targets } = await lookAt(cluster);
  const others = cluster.members.filter((member) => member !== first);
  const watches = [first, ...others].map((member) => new MemberWatch(member, watchAddress));
  const uploads = attack.besideUploads === true ? { uploadIntervalMs: 300 } : {};
  const honest = await HonestClients.start({ endpoints: [first.endpoint], ...uploads });
  const own = monitorEventLoopDelay({ resolution: 10 });
  let attacking: AttackProcess | undefined;
  try {
    await after(beforeMs);
    own.enable();
    const beginnings = await Promise.all(watches.map(begin));
    honest.enter('during');
    attacking = new AttackProcess({
      ...{ attack: attack.name, from: attackerAddress, seconds, seed },
      ...{ clusterId: String(clusterId), targets: targets() },
    });
    const deeds = await attacking.ended();
    // What the end of so many connections costs is part of it.
    await after(endMs);
    honest.enter('after');
    own.disable();
    const members = await Promise.all(beginnings.map(outcomeOf));
    const { calls, newcomers } = await honest.stop();
    const noiseMs = Math.max(own.max / 1e6, ...members.map(({ processorWaitMs }) => processorWaitMs));
    return { members, deeds, seconds, noiseMs, honest: calls, newcomers };
  } finally {
    attacking?.kill();
    honest.kill();
    await Promise.all(watches.map((watch) => watch.stop()));
  }
}
