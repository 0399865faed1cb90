import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintOf, recordedFingerprints, recordFingerprints } from './fingerprints.js';

void test('a seed has the same trace on every machine and version of Node', async () => {
  if (process.env['KVORUM_REWRITE'] === '1') await recordFingerprints();
  const recorded = recordedFingerprints();
  assert.ok(recorded.length >= 10);
  const changed: number[] = [];
  for (const before of recorded) {
    const { seed, hash } = await fingerprintOf(before.seed);
    if (hash !== before.hash) changed.push(seed);
  }
  assert.deepEqual(
    changed,
    [],
    'these seeds have other traces than in sim/fingerprints.txt; where what happens was meant to change: ' +
      'KVORUM_REWRITE=1 node --test dist/sim/fingerprints.test.js',
  );
});
