import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { underAttack } from '../testing/attack.js';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM, grpcMessage } from '../testing/frames.js';
import type { RawClient } from '../testing/raw-client.js';
import { nothingHeld } from '../testing/served.js';

const fields = grpcFields(paths.unary);
const entryOverheadBytes = 32;
const fieldsSizeBytes = fields.join('').length + (fields.length / 2) * entryOverheadBytes;

/** A call whose block has `padding` octets of size updates in front, which are no fields. */
function longBlock(client: RawClient, sizeBytes: number): Buffer {
  const block = client.block(fields);
  return Buffer.concat([Buffer.alloc(sizeBytes - block.length, 0x20), block]);
}

function sendInParts(client: RawClient, id: number, block: Buffer, partSizeBytes: number): void {
  for (let at = 0; at < block.length; at += partSizeBytes) {
    const last = at + partSizeBytes >= block.length;
    client.frame(
      at === 0 ? 'HEADERS' : 'CONTINUATION',
      last ? END_HEADERS : 0,
      id,
      block.subarray(at, at + partSizeBytes),
    );
  }
  client.data(id, grpcMessage(Buffer.from('m')), END_STREAM);
}

describe('header blocks', () => {
  void test('headerBlockSizeBytesMax: exactly the limit, and one octet more', async (t) => {
    await underAttack(t, { headerBlockSizeBytesMax: 40_000 }, async ({ attacker }) => {
      sendInParts(attacker, 1, longBlock(attacker, 40_000), 10_000);
      await attacker.response(1);
      sendInParts(attacker, 3, longBlock(attacker, 40_001), 10_000);
      await attacker.connectionError('ENHANCE_YOUR_CALM');
    });
  });

  void test('continuationFramesMax: exactly the limit, and one frame more', async (t) => {
    await underAttack(t, { continuationFramesMax: 5 }, async ({ attacker }) => {
      sendInParts(attacker, 1, longBlock(attacker, 600), 100);
      await attacker.response(1);
      sendInParts(attacker, 3, longBlock(attacker, 601), 100);
      await attacker.connectionError('ENHANCE_YOUR_CALM');
    });
  });

  void test('headerListSizeBytesMax: exactly the limit; past it the one call is refused', async (t) => {
    await underAttack(t, { headerListSizeBytesMax: 4000 }, async ({ attacker }) => {
      const valueSizeBytes = 4000 - fieldsSizeBytes - 'x-long'.length - entryOverheadBytes;
      const call = (id: number, value: string): void =>
        attacker.call(id, [...fields, 'x-long', value], Buffer.from('m'));
      call(1, 'v'.repeat(valueSizeBytes));
      assert.equal((await attacker.response(1)).trailers.get('grpc-status'), '0');
      call(3, 'v'.repeat(valueSizeBytes + 1));
      assert.equal((await attacker.response(3)).trailers.get('grpc-status'), '8');
      call(5, 'v');
      assert.equal((await attacker.response(5)).trailers.get('grpc-status'), '0');
    });
  });

  void test('headerListSizeBytesMax: a list beyond it in trailers ends the one call', async (t) => {
    await underAttack(t, { headerListSizeBytesMax: 1000 }, async ({ attacker }) => {
      openStream(attacker, 1);
      attacker.headers(1, ['x-long', 'v'.repeat(2000)], END_HEADERS | END_STREAM);
      await attacker.streamError(1, 'PROTOCOL_ERROR');
    });
  });

  void test('headerListSizeBytesMax: HPACK bombs are refused one by one, and nothing of them is kept', async (t) => {
    await underAttack(t, {}, async ({ attacker, server }) => {
      const block = Buffer.from(attacker.block(fields));
      const value = Buffer.alloc(4000, 'v');
      const insertion = Buffer.concat([Buffer.of(0x40, 1, 0x61, 0x7f, 0xa1, 0x1e), value]);
      attacker.frame('HEADERS', END_HEADERS | END_STREAM, 1, Buffer.concat([block, insertion]));
      await attacker.nextOf('HEADERS', 1);
      // Each frame of 16 KiB stands for 64 MiB of fields.
      const bomb = Buffer.concat([block, Buffer.alloc(16_000, 0xbe)]);
      for (let id = 3; id < 203; id += 2) {
        attacker.frame('HEADERS', END_HEADERS | END_STREAM, id, bomb);
        assert.equal((await attacker.response(id)).trailers.get('grpc-status'), '8');
        await nothingHeld(server);
      }
      // The table is in step still.
      attacker.frame('HEADERS', END_HEADERS, 203, Buffer.concat([block, Buffer.of(0xbe)]));
      attacker.data(203, grpcMessage(Buffer.from('m')), END_STREAM);
      assert.equal((await attacker.response(203)).trailers.get('grpc-status'), '0');
    });
  });

  void test('headerTableSizeBytesMax: the limit is announced, and more is refused', async (t) => {
    await underAttack(t, { headerTableSizeBytesMax: 8192 }, async ({ attacker }) => {
      const { payload } = attacker.received[0]!;
      assert.deepEqual([payload.readUInt16BE(0), payload.readUInt32BE(2)], [1, 8192]);
      const block = Buffer.from(attacker.block(fields));
      attacker.frame('HEADERS', END_HEADERS, 1, Buffer.concat([Buffer.of(0x3f, 0xe1, 0x3f), block]));
      attacker.data(1, grpcMessage(Buffer.from('m')), END_STREAM);
      await attacker.response(1);
      attacker.frame('HEADERS', END_HEADERS, 3, Buffer.concat([Buffer.of(0x3f, 0xe2, 0x3f), block]));
      await attacker.connectionError('COMPRESSION_ERROR');
    });
  });
});
