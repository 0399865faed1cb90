import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Output } from './command.js';
import { LogDestination, logBytesWaitingMax } from './log-destination.js';

/** Takes a write only when it is told to. */
class SlowReader implements Output {
  readonly isTTY = false;
  taken = '';
  rest: (() => string) | undefined;
  #pending: { readonly text: string; take(error?: Error): void } | undefined;

  write(text: string | Uint8Array): Promise<void> {
    assert.equal(this.#pending, undefined, 'one write at a time');
    return new Promise((resolve, reject) => {
      const take = (error?: Error): void => {
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#pending = { text: String(text), take };
    });
  }

  atExit(rest: () => string): void {
    this.rest = rest;
  }

  /** @returns whether something was to be taken */
  async take(error?: Error): Promise<boolean> {
    const pending = this.#pending;
    if (pending === undefined) return false;
    this.#pending = undefined;
    this.taken += pending.text;
    pending.take(error);
    await nextTurn();
    return true;
  }

  async takeAll(): Promise<void> {
    while (await this.take());
  }
}

const lost = (lines: number): string => `${lines} lost\n`;

describe('LogDestination', () => {
  it('writes everything in order', async () => {
    const reader = new SlowReader();
    const log = new LogDestination(reader, lost);
    let all = '';
    for (let nth = 0; nth < 5000; nth++) {
      log.write(`line ${nth}\n`);
      all += `line ${nth}\n`;
      if (nth % 1000 === 0) await reader.take();
    }
    await reader.takeAll();
    assert.equal(reader.taken, all);
  });

  it('keeps logBytesWaitingMax, and says how many lines were lost where they were', async () => {
    const reader = new SlowReader();
    const log = new LogDestination(reader, lost);
    const line = `${'x'.repeat(1023)}\n`;
    const kept = logBytesWaitingMax / 1024;
    for (let nth = 0; nth < kept + 10; nth++) log.write(line);
    await reader.takeAll();
    assert.equal(reader.taken, `${line.repeat(kept)}10 lost\n`);
    reader.taken = '';
    log.write('again\n');
    await reader.takeAll();
    assert.equal(reader.taken, 'again\n');
  });

  it('goes on when a write fails', async () => {
    const reader = new SlowReader();
    const log = new LogDestination(reader, lost);
    log.write('one\n');
    await reader.take(new Error('EPIPE'));
    log.write('two\n');
    await reader.takeAll();
    assert.equal(reader.taken, 'one\ntwo\n');
  });

  it('flush resolves when all is taken, or its time is over; what is left is known at the end', async () => {
    const reader = new SlowReader();
    const log = new LogDestination(reader, lost);
    await log.flush(2 ** 30);
    log.write('one\n');
    log.write('two\n');
    await log.flush(1);
    assert.equal(reader.rest?.(), 'two\n');
    const flushed = log.flush(2 ** 30);
    await reader.takeAll();
    await flushed;
    assert.equal(reader.rest(), '');
  });
});
