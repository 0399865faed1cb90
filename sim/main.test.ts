import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { traceOf } from './fingerprints.js';
import { buildMutant } from './mutants/apply.js';
import { mutants } from './mutants/catalogue.js';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function simulate(words: string, main = join(import.meta.dirname, 'main.js')): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...words.split(' ')]);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

describe('the simulator as a command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-simulate-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('writes each event of a run as a line of JSON', async () => {
    const path = join(folder, 'trace');
    const { code, out } = await simulate(`--seed 5 --trace ${path}`);
    assert.equal(code, 0);
    assert.match(out, /phase +safety[^]*role +is leader in term[^]*seed 5: .* of virtual time/);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.equal(lines.join('\n'), (await traceOf(5)).split('\n').slice(0, -1).join('\n'));
    const events = new Set(lines.map((line) => (JSON.parse(line) as { event: string }).event));
    for (const event of ['deliver', 'disk', 'persist', 'crash', 'role', 'apply'])
      assert.ok(events.has(event), event);
  });

  it('prints every event for people', async () => {
    const { code, out } = await simulate('--seed 5 --verbose --duration 500');
    assert.equal(code, 0);
    assert.match(out, /^ +\d+\.\d{3} n1 +persist /m);
  });

  it('sums up many runs', async () => {
    const { code, out } = await simulate('--runs 4 --seed 1 --workers 2 --duration 1000');
    assert.equal(code, 0);
    assert.ok(out.startsWith('first seed 1\n4 runs; '), out);
    assert.match(out, /virtual time \/ processor time: \d/);
    assert.ok(out.endsWith('\n4 passed, 0 failed\n'), out);
  });

  it('says what is wrong with its options, and how they are', async () => {
    const { code, out, err } = await simulate('--runs 5 --trace FILE');
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.match(err, /^--trace does not go with --runs\n\nnpm run simulate/);
    assert.match((await simulate('--seed 1 --faults kill.999')).err, /^--faults: seed 1 has no kill\.999\n/);
    assert.match((await simulate('--seed 1 --trace /no/such/folder')).err, /^--trace: ENOENT/);
    assert.equal((await simulate('--help')).code, 0);
  });

  it('goes on until a run fails, and prints the command that replays it, which fails too', async (t) => {
    const faulty = mutants.find(({ name }) => name === 'leader-counts-memory')!;
    const copy = buildMutant(faulty);
    t.after(() => rmSync(copy, { recursive: true, force: true }));
    const main = join(copy, 'sim/main.js');
    const { code, out } = await simulate('--until-failure --seed 1 --workers 1', main);
    assert.equal(code, 1);
    assert.match(out, /\n(\d+) passed, 1 failed\n$/);
    const [, replay] = /\nreplay: npm run simulate -- (--seed \d+)\n/.exec(out)!;
    const replayed = await simulate(replay!, main);
    assert.equal(replayed.code, 1);
    assert.match(
      replayed.out,
      /The last events of all kinds:[^]*\nreplay: npm run simulate -- --seed \d+\n$/,
    );
  });
});
