import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { skipUnlessInstalled } from './needs.js';

const source = fileURLToPath(new URL('../../../test/interop/go', import.meta.url));

/** What the client prints at its end; the head of main.go says what it means. */
interface Summary {
  readonly ok: boolean;
  readonly errors: Readonly<Record<string, number>>;
  readonly cut: Readonly<Record<string, number>>;
  readonly messages: readonly string[];
  readonly disconnects: number;
  readonly goaways: number;
  readonly patterns: Readonly<Record<string, { readonly calls: number }>>;
}

/** @returns what it printed. @throws Error unless its exit status is one of `codes` */
async function run(
  program: string,
  words: readonly string[],
  { cwd = source, codes = [0] }: { readonly cwd?: string; readonly codes?: readonly number[] } = {},
): Promise<string> {
  const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, printed, complaints] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  if (code === null || !codes.includes(code)) throw new Error(`${program} ended with ${code}: ${complaints}`);
  return printed;
}

const patterns = [
  ...['cancel', 'deadline', 'get', 'huge', 'keepalive', 'large', 'put', 'reconnect', 'reflection', 'upload'],
  'watches',
];

/** The client's own deadlines and cancellations; what the server says when time is nearly over; what it refuses. */
const mayBeCut = new Set([
  ...['Canceled', 'DeadlineExceeded', 'NotFound', 'ResourceExhausted', 'Unavailable', 'Unimplemented'],
  'Unknown',
]);

describe('a client on grpc-go', { skip: skipUnlessInstalled('go') }, () => {
  let folder = '';
  let client = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvorum-go-'));
    client = join(folder, 'client');
    await run('go', ['build', '-o', client, '.']);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const serves = (t: TestContext, ...flags: readonly string[]): Promise<void> =>
    ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const words = [`-endpoints=${cluster.endpoints.join(',')}`, '-call-timeout=60s', ...flags];
      const printed = await run(client, words, { codes: [0, 1] });
      const { ok, errors, cut, messages, disconnects, goaways, ...rest } = JSON.parse(printed) as Summary;
      t.diagnostic(printed.trim());
      assert.deepEqual({ errors, messages, disconnects, goaways }, emptyHanded);
      assert.ok(ok);
      assert.deepEqual(Object.keys(rest.patterns).sort(), patterns);
      for (const code of Object.keys(cut)) assert.ok(mayBeCut.has(code), code);
      // What is to be cut short was.
      assert.ok(cut['Canceled']! > 0 && cut['DeadlineExceeded']! > 0);
    });

  it('is served whatever it cancels, one pattern after the other', (t) => serves(t, '-seconds=1'));
  it('is served whatever it cancels, all patterns at once', (t) => serves(t, '-load', '-seconds=5'));
});

const emptyHanded = { errors: {}, messages: [], disconnects: 0, goaways: 0 };
