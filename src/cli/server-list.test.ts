import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseServerList } from './server-list.js';

describe('a list of servers', () => {
  it('has the port that servers have by default where none is given', () => {
    const cases: [string, string[]][] = [
      ['localhost', ['localhost:50051']],
      ['a,b:1, c ', ['a:50051', 'b:1', 'c:50051']],
      ['10.0.0.1', ['10.0.0.1:50051']],
      ['::1', ['[::1]:50051']],
      ['[::1]', ['[::1]:50051']],
      ['[::1]:1', ['[::1]:1']],
      ['fe80::1%eth0', ['[fe80::1%eth0]:50051']],
      ['a,,a:50051,', ['a:50051']],
    ];
    for (const [given, servers] of cases) assert.deepEqual(parseServerList(given), servers, given);
  });

  it('is refused by the server that breaks a rule', () => {
    for (const given of ['a:', 'a:x', 'a:0', 'a:70000', ':1', 'a b', '[::1', 'a:1:2', 'http://a']) {
      assert.throws(() => parseServerList(`ok,${given}`), {
        code: 'INVALID_REQUEST',
        message: /^endpoint must/,
      });
    }
    for (const given of ['', ',', ' '])
      assert.throws(() => parseServerList(given), { code: 'INVALID_REQUEST' });
  });
});
