import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeApiLimits } from './limits.js';

const mebibyte = 1024 * 1024;

describe('makeApiLimits', () => {
  it('keeps responses below what gRPC clients accept by default', () => {
    assert.ok(makeApiLimits().responseSizeBytesMax < 4 * mebibyte);
  });

  it('lets requests and responses grow with the value', () => {
    const limits = makeApiLimits({ valueSizeBytesMax: 8 * mebibyte });
    assert.ok(limits.requestSizeBytesMax > 8 * mebibyte);
    assert.ok(limits.responseSizeBytesMax > 8 * mebibyte);
  });

  it('refuses limits that contradict each other', () => {
    const wrong = [
      { keySizeBytesMax: 65_537 },
      { valueSizeBytesMax: 8 * mebibyte + 1 },
      { requestSizeBytesMax: mebibyte },
      { responseSizeBytesMax: mebibyte },
      { connectionsMax: 0 },
      { batchOperationsMax: 1.5 },
      { rangePairsMax: NaN },
    ];
    for (const given of wrong) {
      assert.throws(() => makeApiLimits(given), { name: 'KvorumError', code: 'INVALID_REQUEST' });
    }
  });
});
