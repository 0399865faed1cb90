import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { allDone, allRefused, ScriptedStore } from '../client/testing/scripted-store.js';
import type { Operation, OperationResult } from '../generated/kvorum.js';
import { exitCodes } from './exit-codes.js';
import { runCli } from './run-cli.js';
import { bytesOf, FakeIo, runWords } from './testing/fake-io.js';

/** What a store was asked to set, in the order in which it was asked. */
function setsOf(store: ScriptedStore): string[] {
  return store.batches.flat().map(({ kind }) => {
    assert.ok(kind?.$case === 'put');
    return `${Buffer.from(kind.value.key).toString()}=${Buffer.from(kind.value.value).toString()}`;
  });
}

function keyOf({ kind }: Operation): string {
  return Buffer.from(kind!.value.key).toString();
}

function jsonLines(count: number, from = 1): string {
  const line = (at: number): string => `${JSON.stringify({ key: `k${at}`, value: `v${at}` })}\n`;
  return Array.from({ length: count }, (_, at) => line(from + at)).join('');
}

describe('import', () => {
  let root: string;
  let folder: string;
  let file: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'kvorum-import-'));
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(root, 'test-'));
    file = join(folder, 'pairs');
  });
  after(() => rm(root, { recursive: true }));

  const importing = (store: ScriptedStore, ...words: readonly string[]) =>
    runWords([`-server=${store.endpoint}`, 'import', ...words]);

  /** Refuses `key` with `code`, and does the rest. */
  function refusing(key: string, code: 'INVALID_VALUE' | 'NO_LEADER') {
    return (operations: readonly Operation[]): OperationResult[] => {
      const refused = allRefused(operations, code);
      return allDone(operations).map((done, at) => (keyOf(operations[at]!) === key ? refused[at]! : done));
    };
  }

  it('sets the pairs of a file, and leaves nothing behind', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, 'b\t1\na\t2\n\nc\\td\t\n');
    assert.deepEqual(await importing(store, file), {
      code: exitCodes.ok,
      stdout: '',
      stderr: 'imported 3 pairs\n',
    });
    assert.deepEqual(setsOf(store).sort(), ['a=2', 'b=1', 'c\td=']);
    assert.deepEqual(await readdir(folder), ['pairs']);
  });

  it('reads stdin, with or without saying so', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    for (const words of [[], ['-']]) {
      const stdin = bytesOf('{"key":"a","val', 'ue":"1"}\n{"keyBase64":"/w==","value":""}');
      const ran = await runWords([`-server=${store.endpoint}`, 'import', ...words], { stdin });
      assert.deepEqual(ran, { code: exitCodes.ok, stdout: '', stderr: 'imported 2 pairs\n' });
    }
  });

  it('takes the format that it is told, whatever the first line looks like', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, '{"a":\t1}\nb\t2\n');
    assert.match((await importing(store, file)).stderr, /^line 1: it needs a string key/);
    assert.equal((await importing(store, '-format=tsv', file)).code, exitCodes.ok);
    assert.deepEqual(setsOf(store).sort(), ['b=2', '{"a":=1}']);
    await writeFile(file, 'a\t1\n');
    assert.match((await importing(store, '-format=jsonl', file)).stderr, /^line 1: it is no JSON \(/);
  });

  it('sets the lines of one key in their order, and the last one stays', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, Array.from({ length: 600 }, (_, at) => `k${at % 3}\t${at}\n`).join(''));
    assert.equal((await importing(store, file)).code, exitCodes.ok);
    for (const key of ['k0', 'k1', 'k2']) {
      const values = setsOf(store).flatMap((set) => (set.startsWith(key) ? [Number(set.slice(3))] : []));
      assert.equal(values.length, 200);
      assert.deepEqual(
        values,
        values.toSorted((left, right) => left - right),
      );
    }
  });

  it('names the bad line, says what is set, and goes on behind it when it is mended', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, `${jsonLines(5)}nonsense\n${jsonLines(2, 7)}`);
    assert.deepEqual(await importing(store, file), {
      code: exitCodes.usage,
      stdout: '',
      stderr: 'line 6: it is no JSON (lines 1 to 5 are set; go on from there with -resume)\n',
    });
    assert.deepEqual(
      await readFile(`${file}.progress`, 'utf8'),
      '{"lines":5,"cluster":"0000000000000007"}\n',
    );
    await writeFile(file, jsonLines(8));
    assert.deepEqual(await importing(store, '--resume', file), {
      code: exitCodes.ok,
      stdout: '',
      stderr: 'imported 3 pairs, from line 6 on\n',
    });
    assert.deepEqual(
      setsOf(store).slice(5),
      [6, 7, 8].map((at) => `k${at}=v${at}`),
    );
    assert.deepEqual(await readdir(folder), ['pairs']);
  });

  it('never counts a line behind one that failed, though it was acknowledged', async (t) => {
    const store = await ScriptedStore.serve(t, refusing('k3', 'INVALID_VALUE'));
    await writeFile(file, jsonLines(10));
    const { code, stderr } = await importing(store, file);
    assert.equal(code, exitCodes.usage);
    assert.match(
      stderr,
      /^line 3: told: INVALID_VALUE \(lines 1 to 2 are set; go on from there with -resume\)\n$/,
    );
    assert.equal(await readFile(`${file}.progress`, 'utf8'), '{"lines":2,"cluster":"0000000000000007"}\n');
  });

  it('says so when nothing is set, and keeps nothing', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, 'alone\n');
    assert.deepEqual(await importing(store, file), {
      code: exitCodes.usage,
      stdout: '',
      stderr: 'line 1: a key, a tab and a value are expected, there are 1 fields (nothing is set)\n',
    });
    assert.deepEqual(await readdir(folder), ['pairs']);
    const stdin = bytesOf('a\tb\nalone\n');
    const ran = await runWords([`-server=${store.endpoint}`, 'import'], { stdin });
    assert.match(ran.stderr, /^line 2: .* \(line 1 is set\)\n$/);
  });

  it('asks again for what has an unknown outcome or finds no leader, until it is acknowledged', async (t) => {
    const failures = ['OUTCOME_UNKNOWN', 'NO_LEADER', 'STORAGE_FAILED', 'LIMIT_EXCEEDED'] as const;
    let asked = 0;
    const store = await ScriptedStore.serve(t, (operations) => {
      const code = failures[asked++];
      return code === undefined ? allDone(operations) : allRefused(operations, code);
    });
    await writeFile(file, jsonLines(3));
    assert.deepEqual(await importing(store, file), {
      code: exitCodes.ok,
      stdout: '',
      stderr: 'imported 3 pairs\n',
    });
    assert.ok(asked > failures.length);
  });

  it('goes on at the next server when one dies under it', async (t) => {
    const dying: ScriptedStore = await ScriptedStore.serve(t, async (operations) => {
      await dying.stop();
      return allDone(operations);
    });
    const other = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(100));
    const ran = await runWords([`-server=${dying.endpoint},${other.endpoint}`, 'import', file]);
    assert.deepEqual(ran, { code: exitCodes.ok, stdout: '', stderr: 'imported 100 pairs\n' });
    assert.equal(new Set(setsOf(other)).size, 100);
  });

  it('gives up after the time it is given, with the code of the reason', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await store.stop();
    await writeFile(file, jsonLines(2000));
    const { code, stderr } = await importing(store, '-retry-for=0', file);
    assert.equal(code, exitCodes.unavailable);
    assert.equal(
      stderr,
      `line 1: cannot connect to ${store.endpoint}: connection refused: nothing listens there (nothing is set)\n`,
    );
  });

  it('says of a JSON array, and of an object in many lines, what is expected instead', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    const pairs = [{ key: 'a', value: '1' }];
    const each = "each line is to be one object (jq -c '.[]' makes such lines of an array)";
    const whole = 'each line is to be a whole one (jq -c . makes such lines)';
    const cases: [string, string][] = [
      [JSON.stringify(pairs), `it is a JSON array, where ${each}`],
      [JSON.stringify(pairs, undefined, 2), `it begins a JSON array, where ${each}`],
      ['[\n', `it begins a JSON array, where ${each}`],
      [JSON.stringify(pairs[0], undefined, 2), `it is a part of a JSON object, where ${whole}`],
    ];
    for (const [text, message] of cases) {
      await writeFile(file, text);
      assert.deepEqual(await importing(store, file), {
        code: exitCodes.usage,
        stdout: '',
        stderr: `line 1: ${message} (nothing is set)\n`,
      });
    }
    // A key may begin with a bracket all the same.
    await writeFile(file, '[a]\t1\n');
    assert.equal((await importing(store, file)).code, exitCodes.ok);
    assert.deepEqual(setsOf(store), ['[a]=1']);
  });

  it('takes up where it was cut off in the middle of a long file', async (t) => {
    const script = { failing: true };
    const store = await ScriptedStore.serve(t, (operations) =>
      script.failing ? refusing('k4321', 'INVALID_VALUE')(operations) : allDone(operations),
    );
    await writeFile(file, jsonLines(6000));
    const { stderr } = await importing(store, file);
    assert.match(stderr, /^line 4321: told: INVALID_VALUE \(lines 1 to 4320 are set;/);
    script.failing = false;
    assert.deepEqual(await importing(store, '-resume', file), {
      code: exitCodes.ok,
      stdout: '',
      stderr: 'imported 1680 pairs, from line 4321 on\n',
    });
    const expected = Array.from({ length: 6000 }, (_, at) => `k${at + 1}=v${at + 1}`);
    assert.deepEqual([...new Set(setsOf(store))].sort(), expected.sort());
  });

  it('without -resume begins anew', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(3));
    await writeFile(`${file}.progress`, '{"lines":2}\n');
    assert.equal((await importing(store, file)).stderr, 'imported 3 pairs\n');
    assert.deepEqual(await readdir(folder), ['pairs']);
  });

  it('with -resume goes on in the cluster alone that has what is kept', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(3));
    await writeFile(`${file}.progress`, '{"lines":2,"cluster":"0000000000000008"}\n');
    const { code, stderr } = await importing(store, '-resume', '-timeout=500', '-retry-for=0', file);
    assert.equal(code, exitCodes.failed);
    assert.match(
      stderr,
      /and the call is for cluster 0000000000000008.* \(lines 1 to 2 are set; in the cluster that was/,
    );
    assert.deepEqual(setsOf(store), []);
    await writeFile(`${file}.progress`, '{"lines":2,"cluster":"0000000000000007"}\n');
    assert.equal((await importing(store, '-resume', file)).stderr, 'imported 1 pair, from line 3 on\n');
  });

  it('with -resume and nothing kept begins anew too', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(3));
    assert.equal((await importing(store, '-resume', file)).stderr, 'imported 3 pairs\n');
  });

  it('refuses a damaged progress file, and one of a longer file', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(3));
    for (const text of ['', '{', 'null', '{"lines":-1}', '{"lines":1.5}', '{"lines":"2"}', '[]']) {
      await writeFile(`${file}.progress`, text);
      assert.deepEqual(await importing(store, '-resume', file), {
        code: exitCodes.usage,
        stdout: '',
        stderr: `${file}.progress is damaged: remove it to begin at the first line\n`,
      });
    }
    await writeFile(`${file}.progress`, '{"lines":4}');
    const { code, stderr } = await importing(store, '-resume', file);
    assert.equal(code, exitCodes.usage);
    assert.match(stderr, /progress says that 4 lines are set, but the file has 3: remove it to begin/);
    assert.deepEqual(store.batches, []);
  });

  it('goes on without a progress file where it cannot be kept, and says so once', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(6000) + 'nonsense\n');
    // In the way of the file that is written first.
    await mkdir(`${file}.progress.tmp`);
    const { code, stderr } = await importing(store, file);
    assert.equal(code, exitCodes.usage);
    assert.equal(
      stderr,
      [
        `how far the import got cannot be kept in ${file}.progress (EISDIR)\n`,
        'line 6001: it is no JSON (lines 1 to 6000 are set)\n',
      ].join(''),
    );
  });

  it('names a file that cannot be read', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    const missing = join(folder, 'missing');
    for (const [path, why] of [
      [missing, 'ENOENT'],
      [folder, 'EISDIR'],
    ] as const) {
      assert.deepEqual(await importing(store, path), {
        code: exitCodes.usage,
        stdout: '',
        stderr: `FILE ${path} cannot be read (${why})\n`,
      });
    }
  });

  it('draws its progress on a terminal, and gives the line back', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    await writeFile(file, jsonLines(10));
    const words = [`-server=${store.endpoint}`, 'import', file];
    const { stderr } = await runWords(words, { stderrIsTTY: true });
    assert.match(stderr, /^\r\x1b\[Kimport \[#*\.*\] \d+% 1 pairs, .*\r\x1b\[Kimported 10 pairs\n$/);
    await writeFile(file, `${jsonLines(1)}nonsense\n`);
    const failed = await runWords(words, { stderrIsTTY: true });
    assert.match(failed.stderr, /\r\x1b\[Kline 2: it is no JSON/);
  });

  /** The first part of a line, and then silence until the test ends. */
  async function* silentAfter(t: TestContext, text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
    await new Promise<void>((resolve) => t.after(() => resolve()));
  }

  for (const [signal, code] of [
    ['SIGINT', exitCodes.interrupted],
    ['SIGTERM', exitCodes.terminated],
  ] as const) {
    it(`stops at ${signal}, though stdin keeps silent, and sets no part of a line`, async (t) => {
      let done!: () => void;
      const set = new Promise<void>((resolve) => {
        done = resolve;
      });
      const store = await ScriptedStore.serve(t, (operations) => {
        done();
        return allDone(operations);
      });
      const io = new FakeIo({ stdin: silentAfter(t, 'a\t1\nb\tpart') });
      const running = runCli([`-server=${store.endpoint}`, 'import'], io);
      await set;
      io.signal(signal);
      assert.equal(await running, code);
      assert.equal(io.stderr.text, 'the import was stopped (line 1 is set)\n');
      assert.deepEqual(setsOf(store), ['a=1']);
      assert.equal(io.signalListeners, 0);
    });
  }

  it('stops at once when it is asked to while no server is there, and goes on later', async (t) => {
    const script = { failing: true };
    const asked: (() => void)[] = [];
    const failed = new Promise<void>((resolve) => asked.push(resolve));
    const store = await ScriptedStore.serve(t, (operations) => {
      if (!script.failing) return allDone(operations);
      const refused = allRefused(operations, 'OUTCOME_UNKNOWN');
      asked[0]!();
      return allDone(operations).map((each, at) => (keyOf(operations[at]!) === 'k1' ? each : refused[at]!));
    });
    await writeFile(file, jsonLines(2000));
    const io = new FakeIo();
    const running = runCli([`-server=${store.endpoint}`, 'import', file], io);
    await failed;
    io.signal('SIGINT');
    assert.equal(await running, exitCodes.interrupted);
    assert.equal(io.stderr.text, 'the import was stopped (line 1 is set; go on from there with -resume)\n');
    script.failing = false;
    assert.equal((await importing(store, '-resume', file)).stderr, 'imported 1999 pairs, from line 2 on\n');
  });
});
