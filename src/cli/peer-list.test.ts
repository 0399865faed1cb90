import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePeers } from './peer-list.js';

describe('the list of peers', () => {
  it('says where each member is', () => {
    const expected = [
      ['node2', '10.0.0.7:60051'],
      ['node3', '[::1]:60053'],
      ['node-4', 'node4.example:60051'],
    ];
    const text = 'node2=10.0.0.7:60051, node3=[::1]:60053,node-4=node4.example:60051';
    assert.deepEqual([...parsePeers(text)], expected);
  });

  it('names what is wrong with it, and the rule', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['', /^peers must be NAME=HOST:PORT,\.\.\., not ""$/],
      ['node2', /^peers must be NAME=HOST:PORT,\.\.\., not "node2"$/],
      ['node2=a=b:1', /^peers must be NAME=HOST:PORT,\.\.\., not "node2=a=b:1"$/],
      ['node2=a:1,', /^peers must be NAME=HOST:PORT,\.\.\., not ""$/],
      ['=a:1', /^peers must be /],
      ['node2=a', /^peers must be host:port .* not "a"$/],
      ['node2=a:0', /^peers must be host:port with a port from 1 to 65535, not "a:0"$/],
      ['node2=0.0.0.0:1', /^peers must be an address that others can connect to/],
      ['node2=a:1,node2=b:1', /^peers must name each member once, and names node2 twice$/],
    ];
    for (const [text, message] of cases) {
      assert.throws(() => parsePeers(text), { code: 'INVALID_REQUEST', message }, text);
    }
  });
});
