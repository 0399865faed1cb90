import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Prng, randomInt, type RandomSource } from '../../../src/base/prng.js';
import { KvorumError, type KvorumClient } from '../../../src/client/index.js';
import type { Caller } from '../../system/history/load.js';
import { Workloads } from '../../system/history/workloads.js';
import type { Launch } from '../../system/processes/member-process.js';
import { ProcessCluster } from '../../system/processes/process-cluster.js';
import { within } from '../../system/processes/deadline.js';
import { faults } from './faults.js';
import { addressOf, onMachine, Switch } from './virtual-network.js';

export interface RoundsSetup {
  readonly prefix: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly tell: (line: string) => void;
}

export const machineCount = 3;
const keysOfEachWorkload = 2;
/** Longer than an election takes, after which a cut-off leader has given up. */
const holdMsMin = 2500;
const holdMsMax = 5000;
/** A call that is not answered by then begins anew, with what has changed since. */
const callTimeoutMs = 1000;
/** When all is well again, every member serves within this time. */
const recoveryMsMax = 15_000;

/** Two machines have clocks of their own: one jumps, one runs fast. */
async function skewedClocks(
  folder: string,
): Promise<{ readonly launches: readonly Launch[]; readonly clockFiles: Map<number, string> }> {
  const { stdout } = await promisify(execFile)('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD']);
  const preload = { LD_PRELOAD: stdout.trim() };
  const jumping = join(folder, 'clock');
  await writeFile(jumping, '+3600');
  const env = {
    ...preload,
    FAKETIME_TIMESTAMP_FILE: jumping,
    FAKETIME_CACHE_DURATION: '1',
    // No kernel lets this one jump.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const launches = [{}, { env }, { env: { ...preload, FAKETIME: '-86400s x1.1' } }];
  return { launches, clockFiles: new Map([[2, jumping]]) };
}

/** A name for each fault, in an order of chance, each once before any comes again. */
function* faultNames(random: RandomSource): Generator<string, never> {
  for (;;) {
    const names = Object.keys(faults);
    while (names.length > 0) yield names.splice(randomInt(random, names.length), 1)[0]!;
  }
}

/**
 * Faults of the network, of processes and of clocks, one after the other, under load; after each round the history
 * is checked, and every member must serve again. To be run beside the switch.
 */
export async function runRounds({ prefix, seed, durationMs, tell }: RoundsSetup): Promise<void> {
  const random = new Prng(seed);
  const net = await Switch.prepare(machineCount);
  const leaseReads = randomInt(random, 2) === 0;
  tell(
    `seed ${seed}, lease reads ${leaseReads ? 'on' : 'off'}, ${
      net.hasNetem ? 'late packets by netem' : 'this kernel has no netem: packets are late behind a slow line'
    }`,
  );
  await ProcessCluster.run(
    { diagnostic: tell },
    {
      size: 0,
      flags: [`-lease-reads=${leaseReads}`],
    },
    async (cluster) => {
      const { launches, clockFiles } = await skewedClocks(cluster.folder);
      for (const at of net.machines) {
        const launch = { ...launches[at - 1], prefix: onMachine(prefix, at) };
        cluster.add(`node${at}`, { host: addressOf(at), launch });
      }
      await cluster.found();
      await playRounds({
        cluster,
        net,
        random,
        seed,
        clockFiles,
        tell,
        endMs: performance.now() + durationMs,
      });
    },
  );
}

async function playRounds(play: {
  readonly cluster: ProcessCluster;
  readonly net: Switch;
  readonly random: RandomSource;
  readonly seed: number;
  readonly clockFiles: ReadonlyMap<number, string>;
  readonly tell: (line: string) => void;
  readonly endMs: number;
}): Promise<void> {
  const { cluster, net, random, tell } = play;
  const callers: Caller[] = [
    ...cluster.members.map((member) => ({ name: `at-${member.name}`, client: member.client(callTimeoutMs) })),
    ...cluster.callers(net.machines.length, callTimeoutMs),
  ];
  const own = cluster.members.map((member) => member.client());
  const names = faultNames(random);
  for (let round = 1; performance.now() < play.endMs; round++) {
    const name = names.next().value;
    const load = Workloads.start({
      callers,
      prefix: `round-${round}`,
      keyCount: keysOfEachWorkload,
      seed: play.seed + round,
    });
    await load.moreWrites(30);
    const leader = cluster.members.indexOf(await cluster.leader(own[0]!)) + 1;
    const { members } = cluster;
    const end = await faults[name]!({ members, net, random, leader, clockFiles: play.clockFiles });
    const holdMs = holdMsMin + randomInt(random, holdMsMax - holdMsMin);
    await new Promise((resolve) => setTimeout(resolve, holdMs));
    await end();
    const healedMs = performance.now();
    const served = own.map((client, at) => serves(client, `round-${round}/served-by-${at}`));
    await within('service by every member', Promise.all(served), recoveryMsMax);
    const recoveryMs = performance.now() - healedMs;
    await load.moreWrites(20);
    await load.stop();
    tell(`${round}. ${name}, ${holdMs} ms: ${load.summary}, served by all after ${recoveryMs.toFixed(0)} ms`);
    load.check();
  }
}

/** Asks until a write and a read are answered. */
async function serves(client: KvorumClient, key: string): Promise<void> {
  for (;;) {
    try {
      await client.set(key, 'yes', { timeoutMs: callTimeoutMs });
      await client.get(key, { timeoutMs: callTimeoutMs });
      return;
    } catch (error) {
      if (!(error instanceof KvorumError) || error.code === 'CLIENT_CLOSED') throw error;
    }
  }
}
