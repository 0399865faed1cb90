import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../base/log.js';
import { ConnectionRounds } from './connection-rounds.js';
import { Turns } from './turns.js';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('rounds of connections', () => {
  it('looks at each connection once, in several turns where that takes long', async () => {
    let nowMs = 0;
    const looks = new Array<number>(10).fill(0);
    const connections = looks.map((_none, at) => ({
      sweep: (): void => {
        looks[at]!++;
        nowMs += 0.6;
      },
    }));
    const environment = { turns: new Turns(), log: silentLog };
    const sweep = new ConnectionRounds(
      connections,
      (each) => each.sweep(),
      environment,
      () => nowMs,
    );
    sweep.begin();
    await nextTurn();
    const looked = (): number => looks.filter((count) => count === 1).length;
    assert.equal(looked(), 2);
    sweep.begin();
    while (looked() < looks.length) await nextTurn();
    await nextTurn();
    assert.deepEqual(looks, new Array<number>(10).fill(1));
    sweep.begin();
    await nextTurn();
    assert.ok(looks.includes(2));
  });

  it('goes on where one cannot be looked at', async () => {
    let looked = 0;
    const bugs: unknown[] = [];
    const bad = { sweep: (): void => assert.fail('broken') };
    const good = { sweep: (): unknown => looked++ };
    const log = { ...silentLog, error: (fields: unknown): void => void bugs.push(fields) };
    new ConnectionRounds([good, bad, good], (each) => each.sweep(), { turns: new Turns(), log }).begin();
    while (looked < 2) await nextTurn();
    assert.equal(bugs.length, 1);
  });
});
