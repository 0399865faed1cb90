import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng, randomInt, type RandomSource } from '../../../src/base/prng.js';
import type { Caller } from '../../system/history/load.js';
import { Workloads } from '../../system/history/workloads.js';
import { ProcessCluster } from '../../system/processes/process-cluster.js';
import { within } from '../../system/processes/deadline.js';
import { SmallDisk } from '../small-disk.js';
import { faults } from './faults.js';
import { callTimeoutMs, serves } from './service.js';
import { forgetEnded, skewedClocks } from './skewed-clocks.js';
import { addressOf, onMachine, Switch } from './virtual-network.js';

export interface RoundsSetup {
  readonly prefix: string;
  readonly seed: number;
  readonly durationMs: number;
  /** This one again and again; undefined: all of them. */
  readonly fault: string | undefined;
  readonly tell: (line: string) => void;
}

export const machineCount = 3;
/** More than the rounds of an hour write; what is not written takes no space. */
const diskSizeMebibytes = 2048;
const keysOfEachWorkload = 2;
/** Longer than an election takes, after which a cut-off leader has given up. */
const holdMsMin = 2500;
const holdMsMax = 5000;
/** When all is well again, every member serves within this time. */
const recoveryMsMax = 15_000;

/** A file system for each machine. */
async function withDisks(count: number, body: (disks: readonly SmallDisk[]) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-disks-'));
  const disks: SmallDisk[] = [];
  try {
    for (let at = 1; at <= count; at++) {
      disks.push(await SmallDisk.make(join(folder, `node${at}`), diskSizeMebibytes));
    }
    await body(disks);
  } finally {
    for (const disk of disks) await disk.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A name for each fault, in an order of chance, each once before any comes again. */
function* faultNames(random: RandomSource, only: string | undefined): Generator<string, never> {
  const all = Object.keys(faults).filter((name) => only === undefined || name === only);
  if (all.length === 0) throw new Error(`no fault is called ${only}`);
  for (;;) {
    const names = [...all];
    while (names.length > 0) yield names.splice(randomInt(random, names.length), 1)[0]!;
  }
}

/**
 * Faults of the network, of processes, of disks and of clocks, one after the other, under load; after each round the
 * history is checked, and every member must serve again. To be run beside the switch.
 */
export async function runRounds({ prefix, seed, durationMs, fault, tell }: RoundsSetup): Promise<void> {
  const random = new Prng(seed);
  const names = faultNames(random, fault);
  const net = await Switch.prepare(machineCount);
  const flags = [`-lease-reads=${randomInt(random, 2) === 0}`];
  tell(
    `seed ${seed}, ${flags.join(' ')}, ${
      net.hasNetem ? 'late packets by netem' : 'this kernel has no netem: packets are late behind a slow line'
    }`,
  );
  await withDisks(machineCount, (disks) =>
    ProcessCluster.run({ diagnostic: tell }, { size: 0, flags }, async (cluster) => {
      const { launches, clockFiles } = await skewedClocks(cluster.folder);
      for (const at of net.machines) {
        const launch = { ...launches[at - 1], prefix: onMachine(prefix, at) };
        cluster.add(`node${at}`, { host: addressOf(at), folder: disks[at - 1]!.path, launch });
      }
      await cluster.found();
      const endMs = performance.now() + durationMs;
      await playRounds({ cluster, disks, net, random, names, seed, clockFiles, tell, endMs });
    }),
  );
}

async function playRounds(play: {
  readonly cluster: ProcessCluster;
  readonly disks: readonly SmallDisk[];
  readonly net: Switch;
  readonly random: RandomSource;
  readonly names: Iterator<string, never>;
  readonly seed: number;
  readonly clockFiles: ReadonlyMap<number, string>;
  readonly tell: (line: string) => void;
  readonly endMs: number;
}): Promise<void> {
  const { cluster, disks, net, random, clockFiles, tell } = play;
  const callers: Caller[] = [
    ...cluster.members.map((member) => ({ name: `at-${member.name}`, client: member.client(callTimeoutMs) })),
    ...cluster.callers(net.machines.length, callTimeoutMs),
  ];
  const own = cluster.members.map((member) => member.client());
  const client = cluster.client(0, callTimeoutMs);
  for (let round = 1; performance.now() < play.endMs; round++) {
    const name = play.names.next().value;
    const load = Workloads.start({
      callers,
      prefix: `round-${round}`,
      keyCount: keysOfEachWorkload,
      seed: play.seed + round,
    });
    await load.moreWrites(30);
    const leader = cluster.members.indexOf(await cluster.leader(own[0]!)) + 1;
    const { members } = cluster;
    const end = await faults[name]!({ members, disks, net, random, leader, clockFiles, client, tell });
    const holdMs = holdMsMin + randomInt(random, holdMsMax - holdMsMin);
    await new Promise((resolve) => setTimeout(resolve, holdMs));
    await end();
    const healedMs = performance.now();
    const served = own.map((client, at) => serves(client, `round-${round}/served-by-${at}`));
    await within('service by every member', Promise.all(served), recoveryMsMax);
    const recoveryMs = performance.now() - healedMs;
    await load.moreWrites(20);
    await load.stop();
    await forgetEnded(members);
    tell(`${round}. ${name}, ${holdMs} ms: ${load.summary}, served by all after ${recoveryMs.toFixed(0)} ms`);
    load.check();
  }
}
