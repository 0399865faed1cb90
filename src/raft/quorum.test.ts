import test from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { jointValue, jointVote, majoritySize, majorityValue, majorityVote } from './quorum.js';

/** By definition: the largest value that more than half have reached. */
function naiveMajorityValue(values: readonly number[]): number {
  if (values.length === 0) return Infinity;
  const reached = values.filter(
    (bound) => values.filter((value) => value >= bound).length > values.length / 2,
  );
  return Math.max(...reached);
}

type Vote = 'granted' | 'rejected' | 'missing';

/** By definition: lost when no way of casting the missing votes wins, won when every way does. */
function naiveVote(halves: readonly (readonly Vote[])[]): string {
  const wins = (missing: Vote): boolean =>
    halves.every(
      (votes) =>
        votes.length === 0 ||
        votes.filter((vote) => (vote === 'missing' ? missing : vote) === 'granted').length > votes.length / 2,
    );
  if (wins('rejected')) return 'won';
  return wins('granted') ? 'pending' : 'lost';
}

const values = fc.array(fc.nat(20), { maxLength: 9 });
const votes = fc.array(fc.constantFrom<Vote>('granted', 'rejected', 'missing'), { maxLength: 9 });

function count(half: readonly Vote[], wanted: Vote): number {
  return half.filter((vote) => vote === wanted).length;
}

void test('a majority value is what more than half have reached', () => {
  fc.assert(
    fc.property(values, (half) => {
      assert.equal(majorityValue([...half]), naiveMajorityValue(half));
    }),
  );
});

void test('a joint value is what both halves have reached', () => {
  fc.assert(
    fc.property(values, values, (incoming, outgoing) => {
      const expected = Math.min(naiveMajorityValue(incoming), naiveMajorityValue(outgoing));
      assert.equal(jointValue([...incoming], [...outgoing]), expected);
    }),
  );
});

void test('a vote is decided exactly when the missing votes cannot change it', () => {
  fc.assert(
    fc.property(votes, votes, (incoming, outgoing) => {
      const [first, second] = [incoming, outgoing].map((half) =>
        majorityVote(count(half, 'granted'), count(half, 'rejected'), half.length),
      );
      assert.equal(jointVote(first!, second!), naiveVote([incoming, outgoing]));
    }),
  );
});

void test('two majorities of the same voters share one', () => {
  for (let voters = 1; voters < 100; voters++) assert.ok(2 * majoritySize(voters) > voters);
});
