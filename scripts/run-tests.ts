import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/** A test that takes longer has hung. */
const testTimeoutMs = 170_000;
/** A file whose tests have ended and that does not: when so long nothing was told, the rest is given up. */
const silenceMsMax = testTimeoutMs + 60_000;

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
const concurrency = process.argv.includes(oneAtATime) ? 1 : availableParallelism();
const hung = new AbortController();
const stream = run({ files, concurrency, timeout: testTimeoutMs, signal: hung.signal });
const running = new Set<string>();
const silence = setTimeout(() => {
  process.stdout.write(`\nhung: ${[...running].join(', ')}\n`);
  hung.abort();
}, silenceMsMax);
stream.on('data', () => silence.refresh());
stream.on('test:dequeue', ({ name }) => files.includes(name) && running.add(name));
stream.on('test:complete', ({ name }) => running.delete(name));
const isSuite = (details: object): boolean => 'type' in details && details.type === 'suite';
/** With a file a process, the file itself is reported as a test too, where nothing in it was one. */
stream.on('test:pass', (event) => {
  // A suite that was left out says so itself; its tests are not told of.
  if (event.skip !== undefined) skipped++;
  else if (!isSuite(event.details) && !files.includes(event.name)) passed++;
});
stream.on('test:fail', (event) => {
  if (isSuite(event.details)) return;
  failed++;
});
const report = stream.pipe(new spec());
report.pipe(process.stdout, { end: false });
report.on('end', () => {
  clearTimeout(silence);
  if (passed + failed === 0) {
    process.stdout.write('\nno test ran\n');
    failed++;
  }
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failed > 0 ? 1 : 0;
});
