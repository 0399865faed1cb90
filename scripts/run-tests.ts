import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';

/**
 * When for so long no test of a file has begun or ended, the one that runs has hung, and the file is given up. How long a
 * whole file takes is no sign of that: beside other work it may be ten times as long.
 */
const silenceMsMax = 170_000;

/**
 * Runs the compiled test files below the folders that are named, and ends with one line that counts them. A folder
 * behind a minus is left out; `--one-at-a-time` is for files that measure.
 */
function testFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .sort();
}

/** Tests of real processes take longest. They begin first, so that no core is idle in the end. */
function waitsMost(file: string): boolean {
  return file.includes(join('test', 'system'));
}

const oneAtATime = '--one-at-a-time';
const words = process.argv.slice(2).filter((word) => word !== oneAtATime);
const folders = words.filter((word) => !word.startsWith('-'));
const excluded = words.flatMap((word) => (word.startsWith('-') ? [word.slice(1)] : []));
const files = folders
  .flatMap(testFiles)
  .filter((file) => !excluded.some((folder) => file.startsWith(folder)))
  .sort((one, other) => Number(waitsMost(other)) - Number(waitsMost(one)));

let passed = 0;
let failed = 0;
let skipped = 0;
/** Of one file at a time, as a reader of the report wants it. */
const events = new PassThrough({ objectMode: true });

const isSuite = (details: object): boolean => 'type' in details && details.type === 'suite';

/** With a file a process, the file itself is reported as a test too, where nothing in it was one. */
function count(event: TestEvent): void {
  if (event.type === 'test:pass') {
    // A suite that was left out says so itself; its tests are not told of.
    if (event.data.skip !== undefined) skipped++;
    else if (!isSuite(event.data.details) && !files.includes(event.data.name)) passed++;
  }
  if (event.type === 'test:fail' && !isSuite(event.data.details)) failed++;
}

/** What a run says of all its tests: that of all files is said at the end. */
const totals = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) \d/;

async function runFile(file: string): Promise<void> {
  const hung = new AbortController();
  const silence = setTimeout(() => {
    process.stdout.write(`\nhung: ${file}\n`);
    hung.abort();
  }, silenceMsMax);
  const told: TestEvent[] = [];
  for await (const event of run({ files: [file], signal: hung.signal }) as AsyncIterable<TestEvent>) {
    silence.refresh();
    count(event);
    if (event.type !== 'test:diagnostic' || !totals.test(event.data.message)) told.push(event);
  }
  clearTimeout(silence);
  for (const event of told) events.write(event);
}

async function runNext(waiting: string[]): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file);
}

const report = events.pipe(new spec());
report.pipe(process.stdout, { end: false });
report.on('end', () => {
  if (passed + failed === 0) {
    process.stdout.write('\nno test ran\n');
    failed++;
  }
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failed > 0 ? 1 : 0;
});

const waiting = [...files];
const concurrency = process.argv.includes(oneAtATime) ? 1 : availableParallelism();
await Promise.all(Array.from({ length: concurrency }, () => runNext(waiting)));
events.end();
