import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomInt } from '../base/prng.js';
import { KeyOwners } from './testing/key-owners.js';
import { MemoryCluster, type Machine } from './testing/memory-cluster.js';

/** Replay one seed: CHAOS_SEED=123 node --test dist/src/member/chaos.test.js */
const given = process.env['CHAOS_SEED'];
const runs = Number(process.env['CHAOS_RUNS'] ?? 12);
const firstSeed = given === undefined ? Date.now() % 1_000_000_000 : Number(given);
const seeds = given === undefined ? Array.from({ length: runs }, (_, at) => firstSeed + at) : [firstSeed];

/** Seeds that found something once. */
const keptSeeds: readonly number[] = [
  // A write of unknown outcome took effect behind the next one to the same key.
  148555504,
];

async function chaos(cluster: MemoryCluster, owners: KeyOwners, steps: number): Promise<void> {
  const { random, network } = cluster;
  const down = new Set<Machine>();
  for (let step = 0; step < steps; step++) {
    for (let calls = randomInt(random, 4); calls > 0; calls--) owners.act();
    const dice = randomInt(random, 400);
    const machine = cluster.machines[randomInt(random, cluster.machines.length)]!;
    if (dice < 4 && machine.running) {
      cluster.crash(machine);
      down.add(machine);
    } else if (dice < 12 && down.size > 0) {
      const [back] = down;
      down.delete(back!);
      await cluster.start(back!);
    } else if (dice < 15) {
      const others = cluster.machines.filter((each) => each !== machine).map((each) => each.id);
      network.partition([machine.id], others);
    } else if (dice < 17) {
      network.cut(machine.id, cluster.machines[randomInt(random, cluster.machines.length)]!.id);
    } else if (dice < 25) {
      network.heal();
    } else if (dice < 27 && cluster.leader() !== undefined) {
      cluster
        .leader()!
        .transferLeadership(0n, { timeoutMs: 1000 })
        .catch(() => {});
    }
    await cluster.clock.advanceAsync(randomInt(random, 60));
    if (owners.failure !== undefined) throw owners.failure;
  }
  network.heal();
  for (const machine of down) await cluster.start(machine);
}

async function run(seed: number): Promise<string> {
  const size = 1 + (seed % 5);
  const lossy = {
    lossProbability: 0.02,
    duplicateProbability: 0.02,
    reorders: seed % 2 === 0,
    latencyMsMax: 15,
  };
  const options = {
    logEntriesKept: seed % 3 === 0 ? 30 : 1000,
    // A few writes, and members wait for their disks.
    ...(seed % 2 === 0 && { stateBacklogSizeBytesMax: 300 }),
    ...(seed % 7 === 0 && { uncommittedSizeBytesMax: 1000 }),
  };
  const cluster = await MemoryCluster.of(size, seed, options, seed % 4 === 0 ? {} : lossy);
  const owners = new KeyOwners(cluster, 6);
  await chaos(cluster, owners, 500);
  Object.assign(cluster.network.conditions, { lossProbability: 0, duplicateProbability: 0 });
  // Faults are over: within a bounded time it serves again, everywhere.
  await cluster.until(() => cluster.leader() !== undefined, 10_000);
  await cluster.until(() => cluster.machines.every((each) => each.running));
  await owners.checkAll();
  const most = Math.max(...cluster.machines.map((each) => each.member.status().commitIndex));
  await cluster.until(
    () => cluster.machines.every((each) => each.member.status().appliedIndex >= most),
    20_000,
  );
  const [hash, ...others] = new Set(cluster.machines.map((each) => each.member.hash()));
  assert.equal(others.length, 0, `state differs from ${hash}`);
  return `${size} members, ${owners.writes} writes, ${owners.reads} reads, ${owners.unknown} failed or unknown`;
}

for (const seed of [...keptSeeds, ...seeds]) {
  void test(`members under crashes, partitions and loss, seed ${seed}`, async (t) => {
    t.diagnostic(await run(seed));
  });
}
