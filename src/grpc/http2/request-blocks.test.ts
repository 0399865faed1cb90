import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { http2LimitDefaults } from './limits.js';
import { ConnectionError, errorCode } from './protocol.js';
import { RequestBlocks, type StreamOpener } from './request-blocks.js';
import type { RequestFields } from './request-fields.js';

const opener: StreamOpener = { heldBytes: 0, cost: 0, open: () => assert.fail('nothing is opened here') };

/** Notes what the application is asked for: each time that a block is decoded, not when it is remembered. */
function reading(): {
  blocks: RequestBlocks;
  asked: RequestFields[];
  request: (hex: string) => StreamOpener | undefined;
} {
  const asked: RequestFields[] = [];
  const blocks = new RequestBlocks(http2LimitDefaults, {
    request: (fields) => {
      asked.push(fields);
      return opener;
    },
    headersTooLarge: () => assert.fail('nothing is too large here'),
    overrun: () => assert.fail('nothing is cancelled here'),
  });
  const request = (hex: string): StreamOpener | undefined => {
    const bytes = Buffer.from(hex, 'hex');
    return blocks.request(bytes, 0, bytes.length);
  };
  return { blocks, asked, request };
}

const post = '838684';
/** name "x" with this value, put into the table. */
const insertion = (value: number): string => `40017801${value.toString(16)}`;

describe('RequestBlocks', () => {
  it('decodes a block once, as long as the table stands still', () => {
    const { asked, request } = reading();
    for (let count = 0; count < 3; count++) assert.equal(request(post), opener);
    assert.equal(asked.length, 1);
  });

  it('decodes it again once another request moved the table', () => {
    const { asked, request } = reading();
    request(post + insertion(0x31));
    request(`${post}be`);
    request(`${post}be`);
    assert.deepEqual(asked.at(-1)!.regular, ['x', '1']);
    request(post + insertion(0x32));
    request(`${post}be`);
    assert.deepEqual(asked.at(-1)!.regular, ['x', '2']);
    assert.equal(asked.length, 4);
  });

  for (const [what, move] of [
    ['trailers', 'trailers'],
    ['a block that was passed over', 'skip'],
  ] as const) {
    it(`decodes it again once ${what} moved the table`, () => {
      const { blocks, asked, request } = reading();
      request(post + insertion(0x31));
      request(`${post}be`);
      blocks[move](Buffer.from(insertion(0x32), 'hex'), 0, 5);
      request(`${post}be`);
      assert.deepEqual(asked.at(-1)!.regular, ['x', '2']);
    });
  }

  it('does not take for known what the table no longer holds', () => {
    const { request } = reading();
    request(post + insertion(0x31));
    request(`${post}be`);
    request(`203fe11f${post}`);
    assert.throws(
      () => request(`${post}be`),
      (error) => error instanceof ConnectionError && error.code === errorCode.compressionError,
    );
  });
});
