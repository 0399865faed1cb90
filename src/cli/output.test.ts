import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { CommandError, exitCodes } from './exit-codes.js';
import { answerOutput, messageOutput, OutputClosedError } from './output.js';

/** Takes what it is given, or fails with a code of the system. */
function stream(code?: string): { readonly writable: Writable; readonly taken: string[] } {
  const taken: string[] = [];
  const writable = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      taken.push(chunk.toString());
      done(code === undefined ? null : Object.assign(new Error(code), { code }));
    },
  });
  writable.on('error', () => {});
  return { writable, taken };
}

describe('answerOutput', () => {
  it('resolves when the stream has taken it', async () => {
    const { writable, taken } = stream();
    const output = answerOutput(writable);
    await output.write('a');
    await output.write(Uint8Array.of(98));
    assert.deepEqual(taken, ['a', 'b']);
    assert.equal(output.isTTY, false);
    assert.equal(answerOutput(Object.assign(writable, { isTTY: true })).isTTY, true);
  });

  it('tells that the reader has left, at once and later', async () => {
    const output = answerOutput(stream('EPIPE').writable);
    await assert.rejects(output.write('a'), OutputClosedError);
    await assert.rejects(output.write('b'), OutputClosedError);
  });

  it('tells anything else as a failure, in one line', async () => {
    await assert.rejects(answerOutput(stream('ENOSPC').writable).write('a'), (error) => {
      assert.ok(error instanceof CommandError);
      assert.equal(error.exitCode, exitCodes.failed);
      assert.equal(error.message, 'stdout cannot be written (ENOSPC)');
      return true;
    });
  });
});

describe('messageOutput', () => {
  it('never rejects', async () => {
    const { writable, taken } = stream('EPIPE');
    await messageOutput(writable).write('a');
    await messageOutput(writable).write('b');
    assert.deepEqual(taken, ['a']);
  });
});
