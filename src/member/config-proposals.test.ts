import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigProposals } from './config-proposals.js';

const change = { changes: [{ kind: 'remove', id: 8n } as const], context: new Uint8Array(0) };

/** A change that is to stand at index 10 of term 3. */
function proposed(): { configs: ConfigProposals; outcome: Promise<{ readonly kind: string }> } {
  const raft = { term: 3, appliedIndex: 5, proposeConfig: () => 1, entryTerm: () => undefined };
  const configs = new ConfigProposals(raft);
  const outcome = configs.propose(change, 4);
  configs.outcome(1, { kind: 'appended', index: 10, term: 3 });
  return { configs, outcome };
}

describe('a change of the members', () => {
  it('has happened when its own entry is applied', async () => {
    const { configs, outcome } = proposed();
    configs.applied(9, 3);
    configs.applied(10, 3);
    assert.deepEqual(await outcome, { kind: 'applied' });
  });

  it('has not when the entry of another leader stands in its place', async () => {
    const { configs, outcome } = proposed();
    configs.applied(10, 4);
    assert.deepEqual(await outcome, { kind: 'lost' });
  });

  it('may have when a snapshot comes instead of its entry', async () => {
    const { configs, outcome } = proposed();
    configs.abandon();
    assert.deepEqual(await outcome, { kind: 'unknown' });
  });
});
