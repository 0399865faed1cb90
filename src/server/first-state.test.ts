import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../base/log.js';
import type { StopReason } from '../member/parts.js';
import { VirtualClock } from '../ports/virtual-clock.js';
import { firstState } from './first-state.js';

/** A member that is what its fields say. */
class Newcomer {
  missing: string | undefined = 'nobody has called';
  #holds = false;
  #changed = (): void => {};
  readonly stopped = new Promise<StopReason>(() => {});

  holdsOwnRecord(): boolean {
    return this.#holds;
  }

  onChange(listener: () => void): () => void {
    this.#changed = listener;
    return () => {};
  }

  caughtUp(): void {
    this.#holds = true;
    this.#changed();
  }
}

describe('the wait for the first state', () => {
  const hourMs = 3600_000;

  it('lasts until the state is here, and says now and then why it is not', async () => {
    const clock = new VirtualClock();
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (fields: object, text: string) => told.push([text, fields]) };
    const member = new Newcomer();
    const waiting = firstState(member, { clock, log, signal: undefined });
    await clock.advanceAsync(25_000);
    const line = ['not up yet: the state has yet to come', { reason: 'nobody has called' }];
    assert.deepEqual(told, [line, line]);
    member.missing = undefined;
    await clock.advanceAsync(24 * hourMs);
    assert.equal(told.length, 2);
    member.caughtUp();
    await waiting;
    member.missing = 'something';
    await clock.advanceAsync(hourMs);
    assert.equal(told.length, 2);
  });

  it('ends when it is asked to', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const waiting = firstState(new Newcomer(), { clock, log: silentLog, signal: stop.signal });
    stop.abort();
    await assert.rejects(waiting, { code: 'MEMBER_STOPPING' });
  });
});
