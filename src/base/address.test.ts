import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHostPort, parseHostPort } from './address.js';

describe('parseHostPort', () => {
  it('splits names, IPv4 and IPv6 addresses', () => {
    assert.deepEqual(parseHostPort('address', 'localhost:1'), { host: 'localhost', port: 1 });
    assert.deepEqual(parseHostPort('address', '10.0.0.1:65535'), { host: '10.0.0.1', port: 65_535 });
    assert.deepEqual(parseHostPort('address', '[fe80::1%eth0]:50051'), {
      host: 'fe80::1%eth0',
      port: 50_051,
    });
  });

  it('takes what formatHostPort makes', () => {
    for (const host of ['localhost', '10.0.0.1', '::1', 'fe80::1%eth0']) {
      assert.deepEqual(parseHostPort('address', formatHostPort(host, 7)), { host, port: 7 });
    }
  });

  it('refuses anything else and names the field', () => {
    const wrong = [
      '',
      ':',
      'host',
      'host:',
      'host:0',
      'host:65536',
      'host:1x',
      'http://host:1',
      '::1:80',
      '[]:1',
    ];
    for (const text of [...wrong, 'a b:1', 'a\n:1', `${'h'.repeat(300)}:1`]) {
      assert.throws(() => parseHostPort('raft_addr', text), {
        code: 'INVALID_REQUEST',
        message: /^raft_addr must be host:port/,
      });
    }
  });
});
