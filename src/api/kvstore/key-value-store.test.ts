import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../base/bytes.js';
import { JoinRequest, JoinResponse, SetRequest } from '../../generated/kvstore.js';
import { failsWith } from '../testing/errors.js';
import { testSecret } from '../testing/map-member.js';
import { serveMember } from '../testing/served-member.js';

const setPath = '/proto.KeyValueStore/Set';
const getPath = '/proto.KeyValueStore/Get';
const deletePath = '/proto.KeyValueStore/Delete';
const joinPath = '/proto.KeyValueStore/Join';

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function setRequest(key: string | Uint8Array, value: string | Uint8Array): Uint8Array {
  return Buffer.concat([field(1, key), field(2, value)]);
}

function field(number: number, content: string | Uint8Array): Uint8Array {
  const bytes = typeof content === 'string' ? encodeUtf8(content) : content;
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Uint8Array.of((number << 3) | 2, ...length), bytes]);
}

describe('proto.KeyValueStore on the wire', () => {
  it("answers the original's bytes with the original's bytes", async (t) => {
    const { client } = await serveMember(t);
    // Set { key = "mykey", value = "myvalue" } -> { ok = true }
    assert.deepEqual(await client.call(setPath, hex('0a 05 6d796b6579 12 07 6d7976616c7565')), hex('08 01'));
    // Get { key = "mykey" } -> { value = "myvalue" }
    assert.deepEqual(await client.call(getPath, hex('0a 05 6d796b6579')), hex('0a 07 6d7976616c7565'));
    // Delete { key = "mykey" } -> { ok = true }
    assert.deepEqual(await client.call(deletePath, hex('0a 05 6d796b6579')), hex('08 01'));
    assert.equal(
      await failsWith(client.call(getPath, hex('0a 05 6d796b6579')), 'KEY_NOT_FOUND'),
      'key mykey not found',
    );
  });

  it("answers the original's Join, whose fields 1 and 2 are all it knows", async (t) => {
    const { client } = await serveMember(t);
    // { node_id = "node2", raft_addr = "localhost:60052" }
    const answer = await client.call(
      joinPath,
      Buffer.concat([field(1, 'node2'), field(2, 'localhost:60052')]),
    );
    assert.deepEqual(answer.subarray(0, 2), hex('08 01'));
  });

  it('ignores fields of a later version', async (t) => {
    const { client } = await serveMember(t);
    const later = Buffer.concat([setRequest('k', 'v'), hex('98 06 01'), field(100, 'new')]);
    assert.deepEqual(await client.call(setPath, later), hex('08 01'));
  });

  it('refuses bytes that are no message', async (t) => {
    const { client } = await serveMember(t);
    const malformed = [
      'ff',
      '0a',
      '0a 05 61',
      '0f',
      'ff ff ff ff ff ff ff ff ff ff ff 01',
      '0a 01 61 00 0a 01 62',
    ];
    for (const bytes of malformed) {
      for (const path of [setPath, getPath, deletePath, joinPath]) {
        await failsWith(client.call(path, hex(bytes)), 'INVALID_REQUEST');
      }
    }
    assert.deepEqual(await client.call(setPath, setRequest('k', 'v')), hex('08 01'));
  });
});

describe('proto.KeyValueStore', () => {
  it('keeps an empty value apart from a missing key', async (t) => {
    const { client } = await serveMember(t);
    await client.call(setPath, setRequest('empty', ''));
    assert.equal((await client.call(getPath, field(1, 'empty'))).length, 0);
    await failsWith(client.call(getPath, field(1, 'missing')), 'KEY_NOT_FOUND');
  });

  it('deletes a missing key', async (t) => {
    const { client } = await serveMember(t);
    assert.deepEqual(await client.call(deletePath, field(1, 'missing')), hex('08 01'));
  });

  it('carries any text in keys, values and messages', async (t) => {
    const { client } = await serveMember(t);
    const key = 'Schlüssel %41 \n "鍵" 🔑';
    await client.call(setPath, setRequest(key, '値 🧾'));
    assert.deepEqual(await client.call(getPath, field(1, key)), field(1, '値 🧾'));
    await client.call(deletePath, field(1, key));
    assert.equal(
      await failsWith(client.call(getPath, field(1, key)), 'KEY_NOT_FOUND'),
      `key ${key} not found`,
    );
  });

  it('shortens a long key in a message', async (t) => {
    const { client } = await serveMember(t);
    const message = await failsWith(client.call(getPath, field(1, 'k'.repeat(65_536))), 'KEY_NOT_FOUND');
    assert.equal(message, `key ${'k'.repeat(512)}... (65536 bytes) not found`);
  });

  it('names the field, its size and the limit', async (t) => {
    const { client } = await serveMember(t, { limits: { keySizeBytesMax: 10, valueSizeBytesMax: 20 } });
    const [key, value] = ['k'.repeat(10), 'v'.repeat(20)];
    assert.deepEqual(await client.call(setPath, setRequest(key, value)), hex('08 01'));
    assert.deepEqual(await client.call(getPath, field(1, key)), field(1, value));
    const long = 'key is 11 bytes long, the limit is 10 (keySizeBytesMax)';
    assert.equal(await failsWith(client.call(setPath, setRequest(`${key}k`, '')), 'INVALID_KEY'), long);
    assert.equal(await failsWith(client.call(getPath, field(1, `${key}k`)), 'INVALID_KEY'), long);
    assert.equal(await failsWith(client.call(deletePath, field(1, `${key}k`)), 'INVALID_KEY'), long);
    assert.equal(
      await failsWith(client.call(setPath, setRequest(key, `${value}v`)), 'INVALID_VALUE'),
      'value is 21 bytes long, the limit is 20 (valueSizeBytesMax)',
    );
  });

  it('takes the largest key and value of the default limits', async (t) => {
    const { client } = await serveMember(t);
    const [key, value] = [Buffer.alloc(65_536, 'k'), Buffer.alloc(1_572_864, 'v')];
    assert.deepEqual(await client.call(setPath, setRequest(key, value)), hex('08 01'));
    assert.deepEqual(await client.call(getPath, field(1, key)), field(1, value));
    await failsWith(client.call(setPath, setRequest(key, Buffer.alloc(1_572_865, 'v'))), 'INVALID_VALUE');
  });

  it('refuses an empty key', async (t) => {
    const { client } = await serveMember(t);
    for (const path of [setPath, getPath, deletePath]) {
      assert.equal(await failsWith(client.call(path, hex('')), 'INVALID_KEY'), 'key is empty');
    }
  });

  it('refuses strings that are no UTF-8', async (t) => {
    const { client } = await serveMember(t);
    const bad = hex('61 ff');
    for (const path of [setPath, getPath, deletePath]) {
      assert.equal(
        await failsWith(client.call(path, field(1, bad)), 'INVALID_KEY'),
        'key is not valid UTF-8',
      );
    }
    const message = await failsWith(client.call(setPath, setRequest('k', bad)), 'INVALID_VALUE');
    assert.equal(message, 'value is not valid UTF-8');
  });

  it('says how to read a value that was written as bytes', async (t) => {
    const { client, member } = await serveMember(t);
    const command = { type: 'put', lease: 0n, previous: false } as const;
    await member.write({ ...command, key: encodeUtf8('raw'), value: hex('ff') });
    assert.match(
      await failsWith(client.call(getPath, field(1, 'raw')), 'INVALID_VALUE'),
      /kvorum\.v1\.Store/,
    );
  });
});

describe('proto.KeyValueStore/Join', () => {
  function join(nodeId: string, raftAddr: string, memberId = 0n): Uint8Array {
    const levels = { featureLevelMin: 1, featureLevelMax: 1 };
    return JoinRequest.encode({ nodeId, raftAddr, memberId, ...levels }).finish();
  }

  it('adds a member under the id it chose and tells it of the others', async (t) => {
    const { client } = await serveMember(t);
    const id = 0xfedc_ba98_7654_3210n;
    const answer = JoinResponse.decode(await client.call(joinPath, join('node2', '[::1]:60052', id)));
    assert.equal(answer.ok, true);
    assert.equal(answer.memberId, id);
    assert.notEqual(answer.clusterId, 0n);
    assert.deepEqual(new Uint8Array(answer.clusterSecret), testSecret);
    assert.deepEqual(
      answer.members.map(({ nodeId, raftAddr }) => [nodeId, raftAddr]),
      [
        ['node1', '127.0.0.1:60051'],
        ['node2', '[::1]:60052'],
      ],
    );
  });

  it('refuses names and addresses that are none, and those that are taken', async (t) => {
    const { client } = await serveMember(t);
    for (const name of ['', '.', '..', '../x', 'a/b', 'a b', '-a', 'ä', 'n'.repeat(129)]) {
      const message = await failsWith(
        client.call(joinPath, join(name, 'localhost:60052')),
        'INVALID_REQUEST',
      );
      assert.match(message, /^node_id /);
    }
    for (const address of [
      '',
      'localhost',
      ':60052',
      'localhost:0',
      'localhost:65536',
      'a b:1',
      '::1:60052',
    ]) {
      const message = await failsWith(client.call(joinPath, join('node2', address)), 'INVALID_REQUEST');
      assert.match(message, /^raft_addr /);
    }
    await failsWith(client.call(joinPath, join('node1', 'localhost:60052')), 'MEMBER_NAME_TAKEN');
    await failsWith(client.call(joinPath, join('node2', '127.0.0.1:60051')), 'MEMBER_ADDRESS_TAKEN');
    await client.call(joinPath, join('n'.repeat(128), 'localhost:65535'));
  });
});

describe('the twin messages with bytes', () => {
  it('are on the wire what kvstore.proto says', () => {
    const { key, value } = { key: 'schlüssel', value: 'wert' };
    assert.deepEqual(Buffer.from(SetRequest.encode({ key, value }).finish()), setRequest(key, value));
  });
});
