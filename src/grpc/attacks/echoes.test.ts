import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { underAttack } from '../testing/attack.js';
import { grpcFields, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM } from '../testing/frames.js';

describe('values that are dear to check', () => {
  void test('of -bin metadata: no time beyond their length', async (t) => {
    await underAttack(t, {}, async ({ attacker }) => {
      // Two more octets made an expression take twice as long.
      for (const [at, pairs] of [26, 4000].entries()) {
        attacker.headers(1 + 2 * at, grpcFields(paths.unary, ['x-bin', `${', '.repeat(pairs)},!`]));
        const { trailers } = await attacker.response(1 + 2 * at);
        assert.equal(trailers.get('grpc-message'), 'metadata that ends in -bin is not base64');
      }
    });
  });
});

describe('what is repeated of a request', () => {
  const long = '\u00ff'.repeat(7000);
  const refused: Record<string, readonly string[]> = {
    'its path': grpcFields(`/${long}`),
    'its deadline': grpcFields(paths.unary, ['grpc-timeout', long]),
    'its encoding': grpcFields(paths.unary, ['grpc-encoding', long]),
  };
  for (const [name, fields] of Object.entries(refused)) {
    void test(`echoSizeBytesMax: ${name}`, async (t) => {
      await underAttack(t, {}, async ({ attacker }) => {
        attacker.headers(1, fields, END_HEADERS | END_STREAM);
        const { trailers } = await attacker.response(1);
        const message = trailers.get('grpc-message')!;
        assert.ok(message.length < 3 * 512 + 100, `${message.length}`);
        assert.match(message, /%C3%BF\.\.\. \(1400\d bytes\)/);
      });
    });
  }
});
