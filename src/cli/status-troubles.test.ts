import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerStatus } from '../client/index.js';
import { troubles } from './status-troubles.js';

const since = new Date(2026, 10, 30, 8, 15, 2).getTime();
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

const featureLevels = { min: 1, max: 1 };

/** node1 to node`count`, of which those in `down` answer nobody. */
function cluster(
  count: number,
  down: readonly number[],
  reasonOf: (peer: number, address: string) => string,
  sinceOf: (peer: number) => number = () => since,
): Parameters<typeof troubles>[0] {
  const all = range(1, count);
  const isUp = (member: number): boolean => !down.includes(member);
  const peer = (member: number): PeerStatus => {
    const raftAddress = `10.0.0.${member}:60051`;
    const [reachable, reason] = isUp(member) ? [true, ''] : [false, reasonOf(member, raftAddress)];
    const known = { reachable, reason, sinceMs: sinceOf(member), matchIndex: undefined, featureLevels };
    const snapshot = { snapshotSentBytes: undefined, snapshotSizeBytes: undefined, snapshotFailure: '' };
    return { id: BigInt(member), name: `node${member}`, raftAddress, voter: true, ...known, ...snapshot };
  };
  const hasLeader = 2 * (count - down.length) > count;
  return all.filter(isUp).map((member) => ({
    name: `node${member}`,
    role: 'follower',
    leaderId: hasLeader ? 1n : 0n,
    featureLevel: 1,
    featureLevels,
    peers: all.filter((other) => other !== member).map(peer),
  }));
}

const names = (first: number, last: number): string =>
  range(first, last)
    .map((member) => `node${member}`)
    .join(', ');
const refused = (_: number, address: string): string => `connect ECONNREFUSED ${address}`;

describe('what status says below its table', () => {
  it('is a line for one member, and since when for each that cannot reach it', () => {
    assert.deepEqual(troubles(cluster(3, [3], refused)), [
      'node3 at 10.0.0.3:60051 cannot be reached by node1 since 2026-11-30 08:15:02, by node2 since 2026-11-30 08:15:02: connect ECONNREFUSED 10.0.0.3:60051',
    ]);
  });

  it('is one line for all members that the same cannot reach for the same reason', () => {
    const silent = (_: number, address: string): string => `${address} did not answer within 5000 ms`;
    const mixed = cluster(
      30,
      range(3, 30),
      (member, address) => (member <= 20 ? refused : silent)(member, address),
      (member) => (member <= 20 ? since : since + 1000 * (member - 21)),
    );
    assert.deepEqual(troubles(mixed), [
      `${names(3, 20)} cannot be reached by node1, node2 since 2026-11-30 08:15:02: connect ECONNREFUSED`,
      `${names(21, 30)} cannot be reached by node1, node2 since 2026-11-30 08:15:02 or later: did not answer within 5000 ms`,
      'node1, node2 know no leader: each can reach 2 of 30 voters, and 16 are needed',
    ]);
  });

  it('names many that cannot reach one without a time for each', () => {
    assert.deepEqual(troubles(cluster(30, [30], refused)), [
      `node30 at 10.0.0.30:60051 cannot be reached by ${names(1, 29)} since 2026-11-30 08:15:02: connect ECONNREFUSED 10.0.0.30:60051`,
    ]);
  });

  it('says who does not serve yet and why, and how far the state is on its way', () => {
    const shown = (row: Partial<PeerStatus>, starting: readonly bigint[]): readonly string[] => {
      const answers = cluster(3, [], refused).slice(0, 2);
      const of = answers.map((answer, at) => ({
        ...answer,
        commitIndex: 120,
        peers: answer.peers.map((peer) => (at === 0 && peer.id === 3n ? { ...peer, ...row } : peer)),
      }));
      return troubles(of, starting);
    };
    const snapshot = { snapshotSentBytes: 3 * 1024 * 1024, snapshotSizeBytes: 2 ** 31, matchIndex: 0 };
    const cases: [Partial<PeerStatus>, readonly bigint[], readonly string[]][] = [
      [
        snapshot,
        [3n],
        ['node3 does not serve yet: node1 brings it the state, 3.0 MiB of about 2.0 GiB so far'],
      ],
      [
        snapshot,
        [],
        [
          'node3 lacks what is no longer in the log: node1 brings it the state, 3.0 MiB of about 2.0 GiB so far',
        ],
      ],
      [
        { ...snapshot, snapshotFailure: 'the snapshot was refused: no room' },
        [],
        [
          'node3 lacks what is no longer in the log: node1 brings it the state, 3.0 MiB of about 2.0 GiB so far; nothing of it arrives now: the snapshot was refused: no room',
        ],
      ],
      [
        { matchIndex: 0, snapshotFailure: 'as many as there may be' },
        [3n],
        [
          'node3 does not serve yet: node1 brings it the state; nothing of it arrives now: as many as there may be',
        ],
      ],
      [
        { matchIndex: 0 },
        [3n],
        ['node3 does not serve yet: it has no state yet, and has not made its client address known'],
      ],
      [
        { matchIndex: 100 },
        [3n],
        ['node3 does not serve yet: it lacks 20 entries, and has not made its client address known'],
      ],
      [{}, [3n], ['node3 does not serve yet: the leader has not said what it lacks']],
      [{ matchIndex: 100 }, [], []],
    ];
    for (const [row, starting, lines] of cases) assert.deepEqual(shown(row, starting), lines);
  });

  it('says first that they are of different clusters', () => {
    const answers = cluster(3, [], refused).map((answer, at) => ({
      ...answer,
      clusterId: at === 1 ? 0xabn : 0xcdn,
    }));
    assert.deepEqual(troubles(answers), [
      'these are members of different clusters: node1, node3 of 00000000000000cd; node2 of 00000000000000ab',
    ]);
  });

  it('is a line for each reason where these differ', () => {
    const lines = troubles(cluster(3, [2, 3], (member) => `reason ${member}`));
    assert.deepEqual(
      lines.map((line) => line.replace(/ since .*?: /, ': ')),
      [
        'node2 at 10.0.0.2:60051 cannot be reached by node1: reason 2',
        'node3 at 10.0.0.3:60051 cannot be reached by node1: reason 3',
        'node1 knows no leader: it can reach 1 of 3 voters, and 2 are needed',
      ],
    );
  });
});
