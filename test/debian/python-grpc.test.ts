import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { faultedConnections, serveMember } from '../../src/api/testing/served-member.js';
import { clusterField, formatId } from '../../src/base/ids.js';
import { python, skipUnlessPythonGrpc } from './needs.js';

const run = promisify(execFile);
const scriptPath = (name: string): string =>
  fileURLToPath(new URL(`../../../test/debian/${name}`, import.meta.url));
const script = scriptPath('kvstore_client.py');

const clusterId = 0x1234n;
/** With an error comes what stands in the header of an answer. */
const notApplied = { 'kvorum-outcome': 'not-applied', [clusterField]: formatId(clusterId) };

describe('a client on python3-grpcio', { skip: skipUnlessPythonGrpc() }, () => {
  it('is served as by the original', async (t) => {
    const { port } = await serveMember(t, { clusterId });
    const { stdout } = await run(python, [script, `127.0.0.1:${port}`], { timeout: 60_000 });
    const { join, unknownMethod, ...answers } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(answers, {
      set: '0801',
      get: '0a0477657274',
      delete: '0801',
      missing: ['NOT_FOUND', 'key grüße not found', { 'kvorum-error': 'KEY_NOT_FOUND', ...notApplied }],
      deleteMissing: '0801',
      emptyKey: ['INVALID_ARGUMENT', 'key is empty', { 'kvorum-error': 'INVALID_KEY', ...notApplied }],
      longKey: [
        'INVALID_ARGUMENT',
        'key is 65537 bytes long, the limit is 65536 (keySizeBytesMax)',
        { 'kvorum-error': 'INVALID_KEY', ...notApplied },
      ],
      malformed: [
        'INVALID_ARGUMENT',
        "the request's bytes are no GetRequest message",
        { 'kvorum-error': 'INVALID_REQUEST', ...notApplied },
      ],
      manyAtOnce: true,
    });
    assert.match(String(join), /^0801/);
    assert.equal((unknownMethod as string[])[0], 'UNIMPLEMENTED');
  });

  it('may give up thousands of calls on one connection', async (t) => {
    const { port } = await serveMember(t);
    const words = [scriptPath('cancelling_client.py'), `127.0.0.1:${port}`];
    const { stdout } = await run(python, words, { timeout: 120_000 });
    const { last, ...patterns } = JSON.parse(stdout) as Record<string, Record<string, number>>;
    assert.deepEqual(last, { NOT_FOUND: 1 });
    assert.equal(await faultedConnections(port), 0);
    const codes = (pattern: string): readonly string[] => Object.keys(patterns[pattern]!);
    const others = (pattern: string, ...allowed: readonly string[]): readonly string[] =>
      codes(pattern).filter((code) => !allowed.includes(code));
    assert.deepEqual(others('deadlines', 'DEADLINE_EXCEEDED', 'NOT_FOUND'), []);
    assert.deepEqual(others('cancellations', 'CANCELLED', 'NOT_FOUND'), []);
    assert.deepEqual(others('watches', 'CANCELLED'), []);
  });
});
