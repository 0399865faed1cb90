import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { silentLog, type Log } from '../base/log.js';
import { clientConnectionsMin, openFilesMax, ownFilesKept, parseLimits } from './open-files-max.js';
import { fitConnections } from './open-files.js';

describe('fitConnections', () => {
  it('leaves the limits alone where there are files enough, or nobody knows', () => {
    const log: Log = { ...silentLog, warn: () => assert.fail() };
    for (const filesMax of [undefined, 1_000_000, 10_000 + 1024 + ownFilesKept]) {
      const fitted = fitConnections(10_000, filesMax, log);
      assert.deepEqual(fitted, { clientConnectionsMax: 10_000, peerConnectionsMax: 1024 });
    }
  });

  it('lowers them to what is left of the files, and says so', () => {
    const told: unknown[] = [];
    const log: Log = { ...silentLog, warn: (fields) => told.push(fields) };
    assert.deepEqual(fitConnections(10_000, 1024, log), {
      clientConnectionsMax: 672,
      peerConnectionsMax: 224,
    });
    assert.deepEqual(told, [
      { openFilesMax: 1024, keptForMember: 128, keptForRaftPort: 224, connectionsMax: 672, wanted: 10_000 },
    ]);
    assert.deepEqual(fitConnections(100, 1024, silentLog), {
      clientConnectionsMax: 100,
      peerConnectionsMax: 224,
    });
  });

  it(`refuses to start with fewer than clientConnectionsMin (${clientConnectionsMin}) for clients`, () => {
    assert.equal(fitConnections(10_000, 256, silentLog).clientConnectionsMax, 64);
    assert.throws(
      () => fitConnections(10_000, 255, silentLog),
      (error) =>
        error instanceof KvorumError &&
        error.code === 'INVALID_REQUEST' &&
        /may have 255 files open, but a member needs 256 .*ulimit -n.*LimitNOFILE/.test(error.message),
    );
  });
});

describe('openFilesMax', () => {
  it('reads what the kernel says', () => {
    const text = (soft: string): string =>
      `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft.padEnd(20)} 1048576              files     \n`;
    assert.equal(parseLimits(text('1024')), 1024);
    assert.equal(parseLimits(text('unlimited')), undefined);
    assert.equal(parseLimits(''), undefined);
  });

  it('knows this process', { skip: process.platform !== 'linux' }, () => {
    assert.ok((openFilesMax() ?? Infinity) > 0);
  });
});
