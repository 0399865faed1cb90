import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { walFolder } from '../../src/member/open.js';
import type { Entry } from '../../src/raft/types.js';
import { DataFolder } from '../../src/storage/data-folder/data-folder.js';
import { Wal } from '../../src/storage/wal/wal.js';
import { kvorum } from './processes/command-line.js';
import type { ClusterMember } from './processes/cluster-member.js';
import { within } from './processes/deadline.js';
import { ProcessCluster } from './processes/process-cluster.js';

const keyCount = 40;
const value = (at: number): string => `value-${at}`;

/** Waits until all members have applied the same log. */
async function even(cluster: ProcessCluster): Promise<void> {
  const client = cluster.client();
  for (;;) {
    const statuses = await Promise.all(cluster.endpoints.map((each) => client.status(each)));
    const places = new Set(statuses.flatMap(({ lastIndex, appliedIndex }) => [lastIndex, appliedIndex]));
    if (places.size === 1) return;
    await nextTurn();
  }
}

/** Puts an entry behind the log of a member that does not run, as its own process would. */
async function append(member: ClusterMember, data: Uint8Array): Promise<Entry> {
  const folder = await DataFolder.openExisting(member.dataDir);
  const { clusterId, memberId } = folder.identity!;
  const { wal, recovered } = await Wal.open(folder.disk, walFolder, {}, { clusterId, memberId });
  const entry: Entry = {
    index: recovered.terms.lastIndex + 1,
    term: recovered.hardState.term,
    type: 'normal',
    data,
  };
  await wal.append({ entries: [entry] });
  await wal.close();
  await folder.close();
  return entry;
}

/** Starts the members again and again, until each has ended because of the entry. */
async function allStop(cluster: ProcessCluster, stopsWith: RegExp): Promise<void> {
  const hasStopped = ({ process }: ClusterMember): boolean => stopsWith.test(process.log.plain.join('\n'));
  while (!cluster.members.every(hasStopped)) {
    for (const member of cluster.members) if (!member.isRunning && !hasStopped(member)) member.launch();
    const running = cluster.members.filter((each) => each.isRunning);
    // Those that stopped before it was committed everywhere leave the others without a majority.
    if (running.length < 2) for (const member of cluster.members) if (!member.isRunning) member.launch();
    await within('the end of a member', Promise.race(cluster.members.map(({ process }) => process.exited)));
    await nextTurn();
  }
}

/** An entry is not passed over without a word of consent, nor is another one in its place. */
async function refusesOthers(skip: readonly string[], name: string): Promise<void> {
  const [index, term, checksum] = name.split(':') as [string, string, string];
  assert.equal((await kvorum(...skip, `-skip-entry=${name}`)).code, 2);
  // Neither one that can be applied, nor this one under another name.
  for (const wrong of [
    `${Number(index) - 1}:${term}:${checksum}`,
    `${index}:${Number(term) + 1}:${checksum}`,
  ]) {
    const refusal = await kvorum(...skip, `-skip-entry=${wrong}`, '-yes');
    assert.equal(refusal.code, 2, refusal.out);
  }
}

describe('an entry that no member can apply', () => {
  it('stops all members, and kvorum recover gets them past it with nothing else lost', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const before = cluster.client();
      for (let at = 0; at < keyCount; at++) await before.set(`key-${at}`, value(at));
      await even(cluster);
      await Promise.all(cluster.members.map((each) => each.crash()));
      const poison = Uint8Array.of(1, 2, 3, 4, 5, 6, 7);
      const entries: Entry[] = [];
      for (const member of cluster.members) entries.push(await append(member, poison));
      assert.deepEqual(entries, [entries[0], entries[0], entries[0]]);
      const [{ index, term }] = entries as [Entry];
      await allStop(cluster, new RegExp(`entry ${index} of term ${term} cannot be applied.*kvorum recover`));
      await Promise.all(cluster.members.map(({ process }) => process.ended()));

      for (const member of cluster.members) {
        const shown = await kvorum('recover', `-data-dir=${member.dataDir}`);
        assert.equal(shown.code, 1, shown.error);
        assert.match(shown.out, new RegExp(`entry ${index} of term ${term} cannot be applied`));
        const name = /-skip-entry=(\S+)/.exec(shown.error)![1]!;
        const skip = ['recover', `-data-dir=${member.dataDir}`];
        if (member === cluster.members[0]) await refusesOthers(skip, name);
        const done = await kvorum(...skip, `-skip-entry=${name}`, '-yes');
        assert.equal(done.code, 0, done.error);
        const after = await kvorum('recover', `-data-dir=${member.dataDir}`);
        assert.equal(after.code, 0, after.error);
        assert.match(after.out, new RegExp(`passes over entry ${name}`));
      }

      // One that a member has not got yet is noted, for when it comes. Of a later term: each start had another election.
      const [away] = cluster.members as [ClusterMember];
      const yetToCome = `${index + 1000}:${term + 1000}:00000000`;
      const noted = await kvorum('recover', `-data-dir=${away.dataDir}`, `-skip-entry=${yetToCome}`, '-yes');
      assert.equal(noted.code, 0, noted.error);
      assert.match(noted.out, /is not in this member's log yet/);
      const never = `${index + 1000}:0:00000000`;
      const refused = await kvorum('recover', `-data-dir=${away.dataDir}`, `-skip-entry=${never}`, '-yes');
      assert.equal(refused.code, 2, refused.out);
      assert.match(refused.error, /entries of term \d+ are committed/);

      await Promise.all(cluster.members.map((each) => each.start()));
      const client = cluster.client();
      await client.set('after', 'x');
      for (const member of cluster.members) {
        const own = member.client();
        for (let at = 0; at < keyCount; at++) assert.equal(await own.get(`key-${at}`), value(at));
        assert.equal(await own.get('after'), 'x');
      }
      const running = await kvorum('recover', `-data-dir=${cluster.members[0]!.dataDir}`);
      assert.match(running.error, /in use by another process/);

      // Who comes later gets it with the state.
      const late = cluster.add('node4');
      await late.start(`-join=${cluster.members[0]!.endpoint}`);
      await cluster.voters(late, 4);
      assert.equal(await late.client().get('key-7'), value(7));
    });
  });
});
