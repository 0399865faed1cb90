import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IncomingMessages } from './incoming-messages.js';

const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)];

function noBytes(): Promise<Uint8Array> {
  return Promise.resolve(new Uint8Array(0));
}

describe('IncomingMessages', () => {
  it('hands out messages in the order in which they came, and tells what left', async () => {
    const taken: number[] = [];
    const messages = new IncomingMessages((sizeBytes) => taken.push(sizeBytes), noBytes);
    messages.push(first, false);
    messages.push(second, true);
    messages.end();
    const got: Uint8Array[] = [];
    for await (const message of messages) got.push(message);
    assert.deepEqual(got, [first, new Uint8Array(0)]);
    assert.deepEqual(taken, [1, 1]);
  });

  it('ends the wait for a message that has come but is not unpacked yet', async () => {
    const messages = new IncomingMessages(
      () => {},
      () => new Promise(() => {}),
    );
    messages.push(first, true);
    const next = messages[Symbol.asyncIterator]().next();
    messages.fail(new Error('the caller has gone'));
    await assert.rejects(next, /the caller has gone/);
  });

  it('counts a message as long as it is being unpacked', async () => {
    const taken: number[] = [];
    let unpack: (bytes: Uint8Array) => void = () => {};
    const messages = new IncomingMessages(
      (sizeBytes) => taken.push(sizeBytes),
      () => new Promise((resolve) => (unpack = resolve)),
    );
    messages.push(first, true);
    const next = messages[Symbol.asyncIterator]().next();
    assert.equal(messages.length, 1);
    assert.deepEqual(taken, []);
    unpack(second);
    assert.deepEqual(await next, { done: false, value: second });
    while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(taken, [1]);
    assert.equal(messages.length, 0);
  });

  it('ends the wait for a message that has not come, and drops what waits', async () => {
    const messages = new IncomingMessages(() => {}, noBytes);
    const iterator = messages[Symbol.asyncIterator]();
    messages.push(first, false);
    messages.push(second, false);
    assert.deepEqual(await iterator.next(), { done: false, value: first });
    messages.fail(new Error('the caller has gone'));
    assert.equal(messages.length, 0);
    await assert.rejects(iterator.next(), /the caller has gone/);
  });
});
