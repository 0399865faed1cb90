import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const generated = 'src/generated';
const descriptors = 'proto/descriptors.binpb';

function run(command: string, args: readonly string[]): void {
  const made = spawnSync(command, args, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function same(left: string, right: string): boolean {
  try {
    return readFileSync(left).equals(readFileSync(right));
  } catch {
    return false;
  }
}

/** Fails when what `npm run proto` makes of proto/ is not what is in the repository. */
const folder = mkdtempSync(join(tmpdir(), 'kvorum-proto-'));
try {
  mkdirSync(join(folder, 'proto'));
  run('npx', ['buf', 'generate', '--output', folder]);
  run('npm', ['run', '--silent', 'proto:descriptors', '--', join(folder, descriptors)]);
  const names = [generated, join(folder, generated)].flatMap(filesBelow).map((name) => join(generated, name));
  for (const name of new Set([...names, descriptors])) {
    if (same(name, join(folder, name))) continue;
    console.error(`${name} is out of date: run \`make proto\` and commit the result`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
