import test from 'node:test';
import assert from 'node:assert/strict';
import { Chaos } from './testing/chaos.js';

/** KVORUM_SEED replays one seed; KVORUM_SEEDS sets how many are run, from KVORUM_SEED_FIRST on. */
const replayed = process.env['KVORUM_SEED'];
const first = Number(replayed ?? process.env['KVORUM_SEED_FIRST'] ?? 1);
const count = replayed === undefined ? Number(process.env['KVORUM_SEEDS'] ?? 200) : 1;

void test(`figure 3 holds and progress returns, seeds ${first} to ${first + count - 1}`, () => {
  let commits = 0;
  let reads = 0;
  let configChanges = 0;
  for (let seed = first; seed < first + count; seed++) {
    try {
      const outcome = new Chaos(seed).run();
      commits += outcome.commits;
      reads += outcome.reads;
      configChanges += outcome.configChanges;
    } catch (error) {
      throw new Error(`seed ${seed} fails; replay with KVORUM_SEED=${seed}`, { cause: error });
    }
  }
  // The runs must have done something to mean anything.
  if (replayed !== undefined) return;
  assert.ok(commits > count, `only ${commits} commits`);
  assert.ok(reads > count, `only ${reads} reads`);
  assert.ok(configChanges > count / 4, `only ${configChanges} configuration changes`);
});
