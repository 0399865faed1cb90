import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Log } from './log.js';
import { addressesCountedMax, RatedLog } from './rated-log.js';

function recorder(): { readonly log: Log; readonly lines: unknown[][] } {
  const lines: unknown[][] = [];
  const write = (level: string) => (fields: object, message: string) => lines.push([level, fields, message]);
  return {
    lines,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  };
}

describe('RatedLog', () => {
  it('logs a burst as it is, then one a second, and says how many of the others there were', () => {
    const { log, lines } = recorder();
    const rated = new RatedLog(log);
    for (let at = 0; at < 1000; at++) rated.tell('warn', { at }, 'refused', `10.0.0.${at % 7}`, 0);
    assert.equal(lines.length, 20);
    assert.deepEqual(lines[3], ['warn', { from: '10.0.0.3', at: 3 }, 'refused']);
    rated.tell('warn', { at: 'later' }, 'refused', '10.0.0.1', 1000);
    assert.equal(lines.length, 21);
    rated.sweep(9999);
    assert.equal(lines.length, 21);
    rated.sweep(10_000);
    assert.deepEqual(lines[21], [
      'warn',
      { times: 980, addresses: 7 },
      'more of the same, not logged: refused',
    ]);
    rated.sweep(30_000);
    assert.equal(lines.length, 22);
  });

  it('rates each kind for itself', () => {
    const { log, lines } = recorder();
    const rated = new RatedLog(log);
    for (let at = 0; at < 100; at++) {
      rated.tell('warn', {}, 'one', undefined, 0);
      rated.tell('info', {}, 'other', undefined, 0);
    }
    assert.equal(lines.filter(([, , message]) => message === 'one').length, 20);
    assert.equal(lines.filter(([, , message]) => message === 'other').length, 20);
  });

  it('counts addressesCountedMax addresses, and says what it knows at the end', () => {
    const { log, lines } = recorder();
    const rated = new RatedLog(log);
    for (let at = 0; at < 20 + 2 * addressesCountedMax; at++) rated.tell('info', {}, 'ended', `a${at}`, 0);
    rated.close();
    const last = lines.at(-1);
    assert.deepEqual(last, [
      'info',
      { times: 2000, addresses: '1000 or more' },
      'more of the same, not logged: ended',
    ]);
    rated.close();
    assert.equal(lines.at(-1), last);
  });
});
