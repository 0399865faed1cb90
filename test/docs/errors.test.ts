import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { errorCodes } from '../../src/base/errors.js';

describe('docs/errors.md', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = page
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([before, code = '', , , , , after]) => before === '' && /^[A-Z_]+$/.test(code) && after === '');

  it('says of each code what the code says, in the same order', () => {
    const documented = rows.map(([, code, grpc, outcome]) => [code, { grpc, outcome }]);
    assert.deepEqual(documented, Object.entries(errorCodes));
  });

  it('names only statuses that gRPC has', () => {
    for (const { grpc } of Object.values(errorCodes)) assert.equal(typeof status[grpc], 'number', grpc);
  });
});
