import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Fails when src/generated is not what `npm run proto` makes of proto/. */
const folder = mkdtempSync(join(tmpdir(), 'kvorum-proto-'));
try {
  const made = spawnSync('npx', ['buf', 'generate', '--output', folder], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  const fresh = join(folder, 'src/generated');
  const names = new Set([...readdirSync(fresh), ...readdirSync('src/generated')]);
  for (const name of names) {
    const [is, shouldBe] = ['src/generated', fresh].map((each) => {
      try {
        return readFileSync(join(each, name), 'utf8');
      } catch {
        return undefined;
      }
    });
    if (is !== shouldBe) {
      console.error(`src/generated/${name} is out of date: run \`make proto\` and commit the result`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
