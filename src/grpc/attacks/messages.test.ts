import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { underAttack } from '../testing/attack.js';
import { grpcFields, paths } from '../testing/echo-server.js';
import { END_STREAM, grpcMessage, uint32 } from '../testing/frames.js';
import type { RawClient } from '../testing/raw-client.js';
import { nothingHeld } from '../testing/served.js';

const gzip = ['grpc-encoding', 'gzip'];
const mebibyte = 1024 * 1024;
const bomb = gzipSync(Buffer.alloc(64 * mebibyte));

interface Fault {
  /** Besides the usual ones. */
  readonly fields?: readonly string[];
  readonly content: Uint8Array;
  readonly status: string;
}

const faults: Record<string, Fault> = {
  'requestSizeBytesMax: a message that is one byte too long': {
    content: Buffer.concat([Buffer.of(0), uint32(1001), Buffer.alloc(10)]),
    status: '8',
  },
  'requestSizeBytesMax: a message of 4 GiB': {
    content: Buffer.concat([Buffer.of(0), uint32(0xffff_ffff), Buffer.alloc(10)]),
    status: '8',
  },
  'requestSizeBytesMax: a message that is too long when unpacked': {
    fields: gzip,
    content: grpcMessage(gzipSync(Buffer.alloc(1001)), 1),
    status: '8',
  },
  'a compressed message that is none': {
    fields: gzip,
    content: grpcMessage(Buffer.from('none'), 1),
    status: '13',
  },
  'a compressed message where none was announced': { content: grpcMessage(gzipSync('x'), 1), status: '13' },
  'a flag that nobody defined': { content: grpcMessage(Buffer.from('x'), 2), status: '13' },
  'content that ends within a message': {
    content: grpcMessage(Buffer.from('xyz')).subarray(0, 7),
    status: '13',
  },
  'content that ends within a prefix': {
    content: grpcMessage(Buffer.from('xyz')).subarray(0, 3),
    status: '13',
  },
};

/** All that the client sends, in frames. */
function send(
  client: RawClient,
  id: number,
  path: string,
  fields: readonly string[],
  content: Uint8Array,
): void {
  client.headers(id, grpcFields(path, fields));
  for (let at = 0; at < content.length; at += 16_384) {
    client.data(id, content.subarray(at, at + 16_384), at + 16_384 >= content.length ? END_STREAM : 0);
  }
}

describe('messages: a fault ends its call, with the handler, and nothing else', () => {
  for (const path of [paths.unary, paths.join, paths.chat, paths.ignore]) {
    for (const [name, { fields = [], content, status }] of Object.entries(faults)) {
      // A handler that takes nothing does not see what is packed wrongly.
      if (path === paths.ignore && fields === gzip) continue;
      void test(`${name}, ${path}`, async (t) => {
        await underAttack(t, { requestSizeBytesMax: 1000 }, async ({ attacker, server }) => {
          send(attacker, 1, path, fields, content);
          assert.equal((await attacker.response(1)).trailers.get('grpc-status'), status);
          await attacker.alive();
          assert.equal(server.stats().streaming, 0);
          await nothingHeld(server);
        });
      });
    }
  }

  void test('requestSizeBytesMax: bombs on many streams are not unpacked, however small they come', async (t) => {
    assert.ok(bomb.length < 100_000);
    await underAttack(t, {}, async ({ attacker, server }) => {
      const before = process.memoryUsage().rss;
      const ids = Array.from({ length: 20 }, (_, at) => 2 * at + 1);
      for (const id of ids)
        send(attacker, id, id % 4 === 1 ? paths.unary : paths.join, gzip, grpcMessage(bomb, 1));
      for (const id of ids) assert.equal((await attacker.response(id)).trailers.get('grpc-status'), '8');
      await nothingHeld(server);
      // Two at a time may be unpacked, up to 4 MiB each.
      const grownBytes = process.memoryUsage().rss - before;
      assert.ok(grownBytes < 20 * 64 * mebibyte * 0.2, `${grownBytes} bytes more`);
    });
  });
});
