import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soak } from '../../bench/soak/soak.js';
import { drawSeed } from './processes/seed.js';

/** A short one; `node dist/bench/soak.js` is the real one. */
void test('the gRPC server keeps nothing of connections that come, call, reset and go', async (t) => {
  const seed = drawSeed(t);
  const options = { connections: 100, seconds: 4, pauseMs: 20, sampleIntervalMs: 300 };
  const { faults, deeds } = await soak({ seed, ...options });
  assert.deepEqual(faults, []);
  assert.ok(deeds.connections > options.connections, 'no connection came behind another one');
});
