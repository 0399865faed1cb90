import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/**
 * Runs the tests below the folders that are named on other versions of Node: the oldest that is supported, and the
 * newest of each line. npm brings them as packages. Ends with one line that counts all tests.
 */
const versions = ['20.19.0', '22', '24', '26'];
const folders = process.argv.slice(2);

function install(version: string, folder: string): string {
  const name = `node-${process.platform}-${process.arch}`;
  const flags = ['--no-save', '--no-audit', '--no-fund', '--prefix', folder];
  execFileSync('npm', ['install', ...flags, `${name}@${version}`], { stdio: 'inherit' });
  return join(folder, 'node_modules', name, 'bin', 'node');
}

/** @returns the counts of the last line, undefined if there was none */
async function runTests(node: string): Promise<{ passed: number; failed: number } | undefined> {
  const child = spawn(node, ['dist/scripts/run-tests.js', ...folders], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    process.stdout.write(chunk as string);
    printed = (printed + (chunk as string)).slice(-1000);
  }
  const found = /^(\d+) passed, (\d+) failed/.exec(printed.trimEnd().split('\n').at(-1)!);
  return found === null ? undefined : { passed: Number(found[1]), failed: Number(found[2]) };
}

let passed = 0;
let failed = 0;
const folder = mkdtempSync(join(tmpdir(), 'kvorum-node-'));
try {
  for (const version of versions) {
    const node = install(version, join(folder, version));
    console.log(`=== Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
    const counts = await runTests(node);
    passed += counts?.passed ?? 0;
    failed += counts?.failed ?? 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
