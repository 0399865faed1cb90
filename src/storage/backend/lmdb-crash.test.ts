import assert from 'node:assert/strict';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it, type TestContext } from 'node:test';
import { Prng, randomInt, type RandomSource } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import { tableNames } from '../../ports/backend.js';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from './lmdb-backend.js';
import { commitVictim, installedAt, VictimModel } from './testing/victim-state.js';

const victim = new URL('./testing/victim.js', import.meta.url);
const clock = new RealClock();

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'kvorum-lmdb-crash-'));
}

/** What it tells next; rejects if it ends instead. */
async function nextReport<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController();
  const onExit = (code: number | null): void => ended.abort(new Error(`the victim ended with ${code}`));
  child.once('exit', onExit);
  try {
    const [report] = (await once(child, 'message', { signal: ended.signal })) as [T];
    return report;
  } catch (error) {
    throw ended.signal.aborted ? (ended.signal.reason as Error) : error;
  } finally {
    child.off('exit', onExit);
  }
}

/**
 * Runs a victim that kills itself at a random turn of its event loop, in the middle of whatever LMDB's threads do then.
 * @returns the last position that it told to be safe
 */
async function runUntilKilled(folder: string, mode: string, random: RandomSource): Promise<number> {
  // Most of those that a copy takes are short: it waits for the disk.
  const turns = randomInt(random, 2 ** (randomInt(random, 15) + (mode === 'shrinks' ? 4 : 0)));
  const child = fork(victim, [folder, mode, String(turns)]);
  let safe = 0;
  child.on('message', (report: { readonly safe: number }) => {
    safe = report.safe;
  });
  // Only then have all its messages been read.
  const [[, signal]] = (await Promise.all([once(child, 'exit'), once(child, 'disconnect')])) as [
    unknown[],
    unknown,
  ];
  assert.equal(signal, 'SIGKILL');
  return safe;
}

/** Names the first difference: of maps this large assert.deepEqual would print for minutes. */
function assertHolds(backend: LmdbBackend, expected: ReadonlyMap<string, string>): void {
  const at = `at ${backend.applied.index}`;
  let count = 0;
  for (const table of tableNames) {
    for (const { key, value } of backend.range(table, {})) {
      const name = `${table} ${Buffer.from(key).toString()}`;
      assert.equal(Buffer.from(value).toString(), expected.get(name), `${name.slice(0, 40)} ${at}`);
      count++;
    }
  }
  assert.equal(count, expected.size, at);
}

describe('the state in LMDB, when its process is killed', () => {
  for (const [name, mode] of [
    ['is that of one commit, not before what was told to be flushed', 'batches'],
    ['is so too when it is being copied to a smaller file all the time', 'shrinks'],
  ] as const) {
    itHoldsForSeeds(name, 1, [], async (seed) => {
      const random = new Prng(seed);
      const folder = temporaryFolder();
      const model = new VictimModel();
      try {
        for (let life = 0; life < 4; life++) {
          const safe = await runUntilKilled(folder, mode, random);
          const backend = await LmdbBackend.open(folder, { clock });
          const { index } = backend.applied;
          assert.ok(index >= safe, `${index} is before ${safe}`);
          assertHolds(backend, model.at(index));
          assert.equal(readdirSync(folder).filter((each) => each.startsWith('state-')).length, 1);
          await backend.close();
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  itHoldsForSeeds('is wholly the old one or wholly the new one of an installation', 1, [], async (seed) => {
    const random = new Prng(seed);
    const folder = temporaryFolder();
    try {
      for (let life = 0; life < 3; life++) {
        const safe = await runUntilKilled(folder, 'installs', random);
        const backend = await LmdbBackend.open(folder, { clock });
        const { index } = backend.applied;
        assert.ok(index >= safe, `${index} is before ${safe}`);
        const expected = [...installedAt(index)].map(([key, value]) => [`current ${key}`, value] as const);
        assertHolds(backend, new Map(expected));
        assert.equal(readdirSync(folder).filter((name) => name.startsWith('state-')).length, 1);
        await backend.close();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

interface FullReport {
  readonly safe: number;
  readonly rejected: string;
  readonly again: string;
  readonly view: string;
  readonly closed: string;
  readonly told: number;
}

/** A victim none of whose files may grow beyond `sizeKiB`: to LMDB the same as a disk without space. */
function spawnLimited(folder: string, mode: string, sizeKiB: number): ChildProcess {
  // In units of 512 bytes, and inside a page: LMDB's write is cut short there.
  const script = `ulimit -f ${sizeKiB * 2 + 1} && exec "$0" "$@"`;
  const command = ['-c', script, process.execPath, fileURLToPath(victim), folder, mode];
  // What LMDB itself writes to stderr is of no interest.
  return spawn('/bin/sh', command, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

describe('the state in LMDB, when there is no more space', { skip: process.platform === 'win32' }, () => {
  it('fails, once and for all, and is there again when there is', async (t: TestContext) => {
    const folder = temporaryFolder();
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const child = spawnLimited(folder, 'until-full', 1024);
    const exited = once(child, 'exit');
    const report = await nextReport<FullReport>(child);
    assert.deepEqual(await exited, [0, null], 'the process ends in order');
    assert.match(report.rejected, /^state database: /);
    assert.deepEqual([report.again, report.view, report.closed], Array(3).fill(report.rejected));
    assert.equal(report.told, 1);
    assert.ok(report.safe > 0);

    const backend = await LmdbBackend.open(folder, { clock });
    assert.equal(backend.applied.index, report.safe);
    assertHolds(backend, new VictimModel().at(report.safe));
    for (let index = report.safe + 1; index <= report.safe + 50; index++) commitVictim(backend, index);
    await backend.flush();
    assertHolds(backend, new VictimModel().at(report.safe + 50));
    await backend.close();
  });

  it('goes on without an installation that found none', async (t: TestContext) => {
    const folder = temporaryFolder();
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const child = spawnLimited(folder, 'install-until-full', 8 * 1024);
    const exited = once(child, 'exit');
    const { safe, rejected } = await nextReport<{ readonly safe: number; readonly rejected: string }>(child);
    assert.deepEqual(await exited, [0, null], 'the process ends in order');
    assert.match(rejected, /^state database: /);
    const backend = await LmdbBackend.open(folder, { clock });
    assert.equal(backend.applied.index, safe);
    assertHolds(backend, new VictimModel().at(2));
    await backend.close();
  });
});
