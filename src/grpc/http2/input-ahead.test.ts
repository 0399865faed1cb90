import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ClientShare } from '../client-share.js';
import { InputAhead } from './input-ahead.js';

it('input is read ahead within a share of the memory, and each client within a share of that', () => {
  const memory = { spent: false };
  const ahead = new InputAhead(memory, 1600);
  const clients = Array.from({ length: 5 }, (_none, at) => new ClientShare(String(at)));
  const [first] = clients as [ClientShare];
  assert.equal(ahead.take(first, 25), true);
  assert.equal(ahead.take(first, 1), false);
  assert.deepEqual(
    clients.slice(1).map((client) => ahead.take(client, 20)),
    [true, true, true, false],
  );
  ahead.give(first, 5);
  assert.equal(ahead.take(clients[4]!, 20), true);
  ahead.give(clients[4]!, 20);
  memory.spent = true;
  assert.equal(ahead.take(clients[4]!, 1), false);
});
