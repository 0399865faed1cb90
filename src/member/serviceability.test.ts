import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noMember } from '../base/ids.js';
import { memberDefaults } from './options.js';
import { Gate, hang } from './testing/gate.js';
import { put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';

const { electionTimeoutMs } = memberDefaults;

describe('whether a member serves', () => {
  it('is told without a leader, and to whoever listens', async () => {
    const cluster = await MemoryCluster.of(3, 510);
    const cut = cluster.followers()[0]!;
    const told: boolean[] = [];
    cut.member.onChange(() => told.push(cut.member.serving));
    assert.ok(cut.member.serving);
    const others = cluster.machines.filter((each) => each !== cut).map(({ id }) => id);
    const heal = cluster.network.partition([cut.id], others);
    await cluster.until(() => !cut.member.serving, 3 * electionTimeoutMs);
    assert.equal(told.at(-1), false);
    for (const id of others) assert.ok(cluster.machines.find((each) => each.id === id)!.member.serving);
    heal();
    await cluster.until(() => cut.member.serving);
    assert.equal(told.at(-1), true);
  });

  it('is told by one that hears its leader and reaches it with nothing, as long as calls wait', async () => {
    const cluster = await MemoryCluster.of(3, 511);
    const [cut] = cluster.followers();
    const leader = cluster.leaderMachine();
    const end = cluster.network.hold(({ from, to, message }) => {
      return from === cut!.id && to === leader.id && message?.type === 'read-index';
    });
    const read = cut!.member.readBarrier();
    await cluster.until(() => !cut!.member.serving, 2 * electionTimeoutMs);
    assert.notEqual(cut!.member.status().leader, noMember);
    end();
    await cluster.settled(read);
    await cluster.until(() => cut!.member.serving);
  });

  it('is told where writes get no answer', async () => {
    const cluster = await MemoryCluster.of(3, 512);
    const [cut] = cluster.followers();
    const end = cluster.network.hold(({ from, message }) => from === cut!.id && message?.type === 'propose');
    const write = put(cut!.member, 'key', 'x');
    await cluster.until(() => !cut!.member.serving, 2 * electionTimeoutMs);
    end();
    await cluster.settled(write);
    await cluster.until(() => cut!.member.serving);
  });

  it('is told by one that lacks a state that is brought to it, between two attempts too', async () => {
    const cluster = await MemoryCluster.of(3, 514, { logEntriesKept: 20, snapshotChunkSizeBytes: 1000 });
    const away = cluster.followers()[0]!;
    const leader = cluster.leaderMachine();
    cluster.crash(away);
    for (let at = 0; at < 40; at++) {
      await cluster.settled(put(leader.member, `k${at}`, 'x'.repeat(1000)));
    }
    const gate = new Gate();
    away.backend.faults = (operation) => (operation === 'add' ? gate.pass() : undefined);
    await cluster.start(away);
    await cluster.until(() => gate.arrivals > 0 && !away.member.serving);
    cluster.network.disconnect(leader.id, away.id);
    gate.open();
    const told: boolean[] = [];
    away.member.onChange(() => told.push(away.member.serving));
    const { commitIndex } = leader.member.status();
    await cluster.until(() => away.member.serving);
    assert.ok(cluster.events.some((event) => event.includes('goes on where it broke off')));
    assert.ok(away.member.status().appliedIndex >= commitIndex);
    assert.equal(told.indexOf(true), told.length - 1);
  });

  it('is told when it ends, however long its disk takes for that', async () => {
    const cluster = await MemoryCluster.of(1, 513);
    const [machine] = cluster.machines;
    const { member } = machine!;
    const mend = hang(machine!);
    const write = put(member, 'key', 'x').catch((error: unknown) => error);
    const told: boolean[] = [];
    member.onChange(() => told.push(member.serving));
    await cluster.clock.advanceAsync(1);
    assert.ok(member.serving);
    const stopped = member.stop();
    await cluster.clock.advanceAsync(1);
    assert.ok(machine!.running && !member.serving);
    assert.equal(told.at(-1), false);
    mend();
    await cluster.settled(stopped);
    await write;
  });
});
