import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHostPort, isWildcard, parseHostPort } from './address.js';

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
    for (const host of [
      'localhost',
      '10.0.0.1',
      '::1',
      'fe80::1%eth0',
      '::',
      '::ffff:10.0.0.1',
      '1:2:3:4:5:6:7:8',
      'my_host-1.example',
    ]) {
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

  it('takes no host that is not printed as it is, nor one too long for a greeting', () => {
    const wrong = [
      'a\u001bc',
      'a\u0000',
      'a\u009b',
      'a%00%n$s',
      '*',
      'a..b',
      '.a',
      'a.',
      'h'.repeat(254),
      '漢'.repeat(255),
    ];
    const wrongIpv6 = [
      'a:b:c',
      '1.2.3.4',
      ':::',
      '1::2::3',
      '12345::',
      '1:2:3:4:5:6:7:8:9',
      '::1%',
      '::1%\u001bc',
      'x::',
    ];
    for (const text of [...wrong, ...wrongIpv6.map((each) => `[${each}]`)]) {
      assert.throws(() => parseHostPort('raft_addr', `${text}:1`), {
        code: 'INVALID_REQUEST',
        message: /^raft_addr must be host:port with a host name \(letters, digits.* IPv6 address in brackets/,
      });
    }
    assert.equal(parseHostPort('raft_addr', `${'h'.repeat(253)}:1`).port, 1);
  });
});

describe('the wildcard address', () => {
  it('is known however it is written', () => {
    for (const host of [
      '0.0.0.0',
      '0',
      '0.0',
      '0x0',
      '00.0.0.0',
      '::',
      '::0',
      '0::',
      '0:0:0:0:0:0:0:0',
      '0:0::0%eth0',
    ]) {
      assert.ok(isWildcard(host), host);
    }
    for (const host of ['::0.0.0.0', '::ffff:0.0.0.0', '::FFFF:0:0']) assert.ok(isWildcard(host), host);
    for (const host of [
      '127.0.0.1',
      '::1',
      'localhost',
      '0.example',
      '::ffff:1.2.3.4',
      'a_b',
      '-',
      '0.0.0.0.0',
    ]) {
      assert.ok(!isWildcard(host), host);
    }
  });
});
