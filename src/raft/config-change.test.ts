import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MalformedBytesError } from '../base/byte-stream.js';
import { emptyBytes } from '../base/bytes.js';
import {
  InvalidConfigChangeError,
  applyConfigChange,
  clusterMembersMax,
  configChangesMax,
  decodeConfigChange,
  emptyConfig,
  encodeConfigChange,
  isJoint,
  isLearner,
  isMember,
  isVoter,
  memberIds,
  votersConfig,
} from './config-change.js';
import type { ClusterConfig, ConfigChange, ConfigChangeKind } from './types.js';

function change(...words: (ConfigChangeKind | bigint)[]): ConfigChange {
  const changes: { kind: ConfigChangeKind; id: bigint }[] = [];
  for (let at = 0; at < words.length; at += 2) {
    changes.push({ kind: words[at] as ConfigChangeKind, id: words[at + 1] as bigint });
  }
  return { changes, context: emptyBytes };
}

const leave = change();
const anyChange = fc.record({
  changes: fc.array(
    fc.record({
      kind: fc.constantFrom<ConfigChangeKind>('add-voter', 'add-learner', 'remove'),
      id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
    { maxLength: 10 },
  ),
  context: fc.uint8Array({ maxLength: 40 }),
});

void test('a change survives its encoding', () => {
  fc.assert(
    fc.property(anyChange, (original) => {
      const decoded = decodeConfigChange(encodeConfigChange(original));
      assert.deepEqual(
        decoded.changes,
        original.changes.map((one) => ({ ...one })),
      );
      assert.deepEqual([...decoded.context], [...original.context]);
    }),
  );
});

void test('bytes that are no change are refused with their own error', () => {
  const encoded = encodeConfigChange(change('add-voter', 1n, 'remove', 2n));
  for (let length = 0; length < encoded.length; length++) {
    assert.throws(() => decodeConfigChange(encoded.subarray(0, length)), MalformedBytesError);
  }
  assert.throws(() => decodeConfigChange(Uint8Array.of(1, 9, 0, 0, 0, 0, 0, 0, 0, 0)), MalformedBytesError);
});

void test('the number of changes is limited', () => {
  const many = Array.from({ length: configChangesMax + 1 }, (_, at) => ({
    kind: 'add-learner' as const,
    id: BigInt(at + 1),
  }));
  decodeConfigChange(encodeConfigChange({ changes: many.slice(1), context: emptyBytes }));
  assert.throws(
    () => decodeConfigChange(encodeConfigChange({ changes: many, context: emptyBytes })),
    MalformedBytesError,
  );
});

void test('simple changes', () => {
  const three = votersConfig([3n, 1n, 2n]);
  assert.deepEqual(three.voters, [1n, 2n, 3n]);
  const learning = applyConfigChange(three, change('add-learner', 4n));
  assert.deepEqual([learning.voters, learning.learners], [[1n, 2n, 3n], [4n]]);
  assert.ok(isLearner(learning, 4n) && !isVoter(learning, 4n) && isMember(learning, 4n));
  const promoted = applyConfigChange(learning, change('add-voter', 4n));
  assert.deepEqual([promoted.voters, promoted.learners], [[1n, 2n, 3n, 4n], []]);
  const demoted = applyConfigChange(promoted, change('add-learner', 1n));
  assert.deepEqual([demoted.voters, demoted.learners], [[2n, 3n, 4n], [1n]]);
  const removed = applyConfigChange(demoted, change('remove', 1n));
  assert.deepEqual(memberIds(removed), [2n, 3n, 4n]);
});

void test('a joint change and its end (thesis 4.3)', () => {
  const start = applyConfigChange(votersConfig([1n, 2n, 3n]), change('add-learner', 4n));
  const joint = applyConfigChange(start, change('add-voter', 4n, 'remove', 3n, 'add-learner', 2n));
  assert.deepEqual(joint, {
    voters: [1n, 4n],
    votersOutgoing: [1n, 2n, 3n],
    learners: [],
    learnersNext: [2n],
    autoLeave: true,
  });
  assert.ok(isJoint(joint) && isVoter(joint, 3n));
  assert.throws(() => applyConfigChange(joint, change('remove', 1n)), InvalidConfigChangeError);
  assert.deepEqual(applyConfigChange(joint, leave), {
    ...emptyConfig,
    voters: [1n, 4n],
    learners: [2n],
  });
});

void test('nonsense is refused', () => {
  const config = applyConfigChange(votersConfig([1n]), change('add-learner', 2n));
  const nonsense: [ClusterConfig, ConfigChange][] = [
    [config, leave],
    [config, change('remove', 1n)],
    [config, change('add-learner', 1n)],
    [config, change('remove', 9n)],
    [config, change('add-voter', 1n)],
    [config, change('add-learner', 2n)],
    [config, change('add-voter', 0n)],
    [config, change('add-voter', 3n, 'remove', 3n)],
  ];
  for (const [before, wrong] of nonsense) {
    assert.throws(() => applyConfigChange(before, wrong), InvalidConfigChangeError);
  }
});

void test('the number of members is limited', () => {
  const ids = Array.from({ length: clusterMembersMax }, (_, at) => BigInt(at + 1));
  const full = applyConfigChange(votersConfig(ids.slice(1)), change('add-learner', 1n));
  assert.throws(() => applyConfigChange(full, change('add-learner', 1000n)), InvalidConfigChangeError);
});

void test('a simple change alters at most one voter: quorums before and after overlap', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.bigInt(1n, 9n), { minLength: 1 }), anyChange, (voters, { changes }) => {
      const before = votersConfig(voters);
      for (const one of changes) {
        let after: ClusterConfig;
        try {
          after = applyConfigChange(before, { changes: [one], context: emptyBytes });
        } catch (error) {
          assert.ok(error instanceof InvalidConfigChangeError);
          continue;
        }
        const altered =
          before.voters.filter((id) => !after.voters.includes(id)).length +
          after.voters.filter((id) => !before.voters.includes(id)).length;
        assert.ok(altered <= 1);
      }
    }),
  );
});
