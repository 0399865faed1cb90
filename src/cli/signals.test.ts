import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { exitCodes, type ExitCode, type StopSignal } from './exit-codes.js';
import { Signals } from './signals.js';

/** A process with a terminal, in memory. */
function scene(terminals: readonly number[] = [0, 1]) {
  const open = new Set(terminals);
  const exits: ExitCode[] = [];
  const process = Object.assign(new EventEmitter(), { exit: (code: ExitCode) => void exits.push(code) });
  const signals = new Signals(process, (fd) => open.has(fd));
  const told: (StopSignal | 'reload')[] = [];
  return { open, exits, process, signals, told };
}

describe('signals', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} asks, and insists the second time`, () => {
      const { process, signals, told, exits } = scene();
      const end = signals.onSignal((each) => told.push(each));
      process.emit(signal);
      assert.deepEqual([told, exits], [[signal], []]);
      process.emit(signal);
      const code = signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
      assert.deepEqual([told, exits], [[signal], [code]]);
      end();
      assert.equal(process.listenerCount(signal), 0);
    });
  }

  it('SIGHUP asks to end when the terminal has gone, and never insists', () => {
    const { open, process, signals, told, exits } = scene();
    signals.onSignal((each) => told.push(each));
    signals.onReload(() => told.push('reload'));
    open.clear();
    // The kernel says so, and the shell too.
    process.emit('SIGHUP');
    process.emit('SIGHUP');
    assert.deepEqual([told, exits], [['SIGHUP'], []]);
    process.emit('SIGTERM');
    assert.deepEqual(exits, [exitCodes.terminated]);
  });

  it('SIGHUP asks to reload where the terminal is there, or there never was one', () => {
    for (const terminals of [[0, 1, 2], []]) {
      const { process, signals, told } = scene(terminals);
      signals.onSignal((each) => told.push(each));
      const end = signals.onReload(() => told.push('reload'));
      process.emit('SIGHUP');
      process.emit('SIGHUP');
      assert.deepEqual(told, ['reload', 'reload']);
      end();
      process.emit('SIGHUP');
      assert.deepEqual(told, ['reload', 'reload', 'SIGHUP'], 'there is nothing to reload any more');
    }
  });

  it('SIGUSR1 opens no debugger', () => {
    const { process } = scene();
    assert.equal(process.listenerCount('SIGUSR1'), 1);
  });
});
