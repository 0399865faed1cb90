import assert from 'node:assert/strict';
import { it } from 'node:test';
import { drawSeed } from '../../system/processes/seed.js';
import { skipUnlessRoot } from '../needs.js';
import { runOnNetwork } from './main.js';

const seconds = 50;
const skip = skipUnlessRoot({ commands: ['ip', 'tc', 'faketime'] });

/** For long: npm run test:network -- --seconds=3600 */
it('is linearizable through faults of network, processes and clocks', { skip }, async (t) => {
  const seed = drawSeed(t);
  assert.ok(await runOnNetwork({ seconds, seed, tell: (line) => t.diagnostic(line) }));
});
