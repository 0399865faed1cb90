import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faults } from './faults.js';
import { parseArguments, usage, UsageError } from './arguments.js';

describe('the command of the network test', () => {
  it('takes a length, a seed and one fault', () => {
    assert.deepEqual(parseArguments(['--seconds=5', '--seed', '7', '--fault=full disk']), {
      seconds: 5,
      seed: 7,
      fault: 'full disk',
      inside: undefined,
      help: false,
    });
  });

  it('plays all faults for ten minutes, from a fresh seed, unless told otherwise', () => {
    const { seconds, seed, fault } = parseArguments([]);
    assert.deepEqual([seconds, fault, Number.isInteger(seed)], [600, undefined, true]);
  });

  it('lists every fault in its help', () => {
    for (const name of Object.keys(faults)) assert.ok(usage.includes(`'${name}'`), name);
  });

  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['--seconds=abc', /^--seconds is a whole number from 1 to \d+, not 'abc'$/],
    ['--seconds=0', /^--seconds /],
    ['--seconds=2147484', /^--seconds /],
    ['--seed=', /^--seed is a whole number from 0 to 4294967295, not ''$/],
    ['--seed=1.5', /^--seed /],
    ['--fault=toString', /^no fault is called 'toString'$/],
    ['--sceonds=5', /sceonds/],
    ['words', /words/],
  ];
  for (const [argument, message] of mistakes) {
    it(`says what is wrong with ${argument}`, () => {
      assert.throws(
        () => parseArguments([argument]),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
