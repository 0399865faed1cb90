import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fitMemory } from './available-memory.js';
import { memberDefaults } from '../member/options.js';

const mebibyte = 1024 * 1024;

describe('what a member holds', () => {
  it('fits the memory that there is', () => {
    const { clientBytes, waitingWritesBytes } = fitMemory(256 * mebibyte);
    assert.deepEqual([clientBytes, waitingWritesBytes], [32 * mebibyte, 16 * mebibyte]);
  });

  it('is bounded however much there is', () => {
    const { clientBytes, waitingWritesBytes } = fitMemory(1024 * 1024 * mebibyte);
    assert.equal(clientBytes, 512 * mebibyte);
    assert.equal(waitingWritesBytes, memberDefaults.uncommittedSizeBytesMax);
  });

  it('is enough to work with however little there is', () => {
    const { waitingWritesBytes } = fitMemory(16 * mebibyte);
    assert.equal(waitingWritesBytes, 8 * mebibyte);
    // As many as three members have on their way.
    const { entriesInFlightMax, entrySizeBytesMax } = memberDefaults;
    assert.ok(3 * entriesInFlightMax * entrySizeBytesMax <= waitingWritesBytes);
  });
});
