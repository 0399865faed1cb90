import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { it } from 'node:test';
import { promisify } from 'node:util';
import type { KvorumClient } from '../../src/client/index.js';
import type { ClusterMember } from './processes/cluster-member.js';
import { mainScript } from './processes/member-process.js';
import { ProcessCluster } from './processes/process-cluster.js';
import { within } from './processes/deadline.js';

type Pairs = ReadonlyMap<string, string>;

/** Every package of the machine with its version; where Debian's program is missing, every file of the modules. */
async function realPairs(): Promise<{ readonly what: string; readonly pairs: Pairs }> {
  const run = promisify(execFile);
  try {
    const { stdout } = await run('dpkg-query', ['-W', '-f', '${binary:Package}\\t${Version}\\n']);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return {
      what: 'installed packages',
      pairs: new Map(lines.map((line) => line.split('\t') as [string, string])),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const folder = fileURLToPath(new URL('../../../node_modules', import.meta.url));
    const names = await readdir(folder, { recursive: true });
    return { what: 'files of node_modules', pairs: new Map(names.map((name, at) => [name, `${at}`])) };
  }
}

/** `kvorum import`, with the lines on stdin. */
class Import {
  readonly #child;
  readonly #exited: Promise<number | null>;
  #told = '';

  constructor(endpoints: readonly string[]) {
    const words = [mainScript, `-server=${endpoints.join(',')}`, 'import', '--format=tsv'];
    this.#child = spawn(process.execPath, words, { stdio: ['pipe', 'inherit', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#told += text));
    this.#exited = new Promise((resolve) => this.#child.once('close', resolve));
  }

  feed(pairs: Iterable<readonly [string, string]>): void {
    for (const [key, value] of pairs) this.#child.stdin.write(`${key}\t${value}\n`);
  }

  async end(): Promise<string> {
    this.#child.stdin.end();
    const code = await within('end of the import', this.#exited);
    assert.equal(code, 0, this.#told);
    return this.#told;
  }
}

async function readBack(client: KvorumClient): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key, value } of client.list()) {
    found.set(Buffer.from(key).toString(), Buffer.from(value).toString());
  }
  return found;
}

async function assertEverywhere(members: readonly ClusterMember[], pairs: Pairs): Promise<void> {
  for (const member of members) assert.deepEqual(await readBack(member.client()), pairs, member.name);
}

it('imports a real list through kill -9 of the leader, then of all members, and loses nothing', async (t) => {
  const { what, pairs } = await realPairs();
  const sorted = new Map([...pairs].sort(([left], [right]) => (left < right ? -1 : 1)));
  const quarter = Math.ceil(sorted.size / 4);
  const quarters = Array.from({ length: 4 }, (_, at) => [...sorted].slice(at * quarter, (at + 1) * quarter));
  await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
    const client = cluster.client();
    const job = new Import(cluster.endpoints);
    const leader = await cluster.leader(client);
    for (const [at, pairs] of quarters.entries()) {
      // Some are acknowledged, some on their way, and some to come.
      if (at === 3) leader.process.signal('SIGKILL');
      job.feed(pairs);
      if (at < 2) await keyIsThere(client, pairs[0]![0]);
    }
    const told = await job.end();
    await leader.process.ended();
    assert.match(told, new RegExp(`imported ${sorted.size} pairs`));
    const others = cluster.members.filter((member) => member !== leader);
    await assertEverywhere(others, sorted);

    await leader.start();
    await assertEverywhere([leader], sorted);

    for (const { process } of cluster.members) process.signal('SIGKILL');
    await Promise.all(cluster.members.map(({ process }) => process.ended()));
    await Promise.all(cluster.members.map((member) => member.start()));
    await assertEverywhere(cluster.members, sorted);
    t.diagnostic(`${sorted.size} pairs (${what}) imported and read back from 3 members, 3 times`);
  });
});

async function keyIsThere(client: KvorumClient, key: string): Promise<void> {
  while ((await client.get(key)) === undefined);
}
