import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { allCommands } from '../../src/cli/run-cli.js';
import { ownFilesKept, peerConnectionsMin, clientConnectionsMin } from '../../src/server/open-files-max.js';
import { connectionsMax as peerConnectionsMax } from '../../src/peer/tcp-peers.js';
import { serverDefaults } from '../../src/server/server-options.js';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const page = read('docs/operating.md');
const unit = read('deploy/kvorum.service');
const dockerfile = read('deploy/Dockerfile');
const serve = allCommands.find(({ name }) => name === 'serve')!;
/** With so many open files no limit of connections is lowered. */
const filesWanted = serverDefaults.connectionsMax + peerConnectionsMax + ownFilesKept;

/** Of a unit's setting, all values. */
function settings(name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value!);
}

/** The flags of `serve` that a text names. */
function flagsIn(text: string): string[] {
  return [...text.matchAll(/(?<=[\s"=])-([a-z][a-z-]+)(?==|[\s"]|$)/g)].map(([, name]) => name!);
}

describe('deploy/', () => {
  it('the unit starts a member again, but for exit statuses that do not pass', () => {
    const [prevented] = settings('RestartPreventExitStatus');
    assert.deepEqual(prevented!.split(' ').map(Number), [
      exitCodes.usage,
      exitCodes.removed,
      exitCodes.version,
      exitCodes.superseded,
    ]);
    assert.deepEqual(settings('Restart'), ['always']);
    assert.ok(Number(settings('LimitNOFILE')[0]) >= filesWanted);
    // V8 could not compile.
    assert.deepEqual(settings('MemoryDenyWriteExecute'), []);
  });

  it('unit, environment and image name flags that there are', () => {
    const known = serve.flags.map(({ name }) => name);
    const commands = [
      ...settings('ExecStart'),
      /^KVORUM_FLAGS=.*$/m.exec(read('deploy/member.env'))![0],
      /^CMD .*$/m.exec(dockerfile)![0],
    ];
    for (const command of commands) {
      const flags = flagsIn(command);
      assert.ok(flags.length > 0, command);
      for (const flag of flags) assert.ok(known.includes(flag), `-${flag} in ${command}`);
    }
  });

  const noSystemd =
    process.platform === 'linux' && spawnSync('systemd-analyze', ['--version']).status === 0
      ? false
      : 'needs systemd-analyze(1)';
  it('systemd has nothing against the unit', { skip: noSystemd }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-unit-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'kvorum.service');
    // Whether the program is there is another matter.
    writeFileSync(path, unit.replace('/usr/local/bin/kvorum ', '/bin/true '));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });

  it('the image holds what a member reads at its start', () => {
    for (const path of ['package.json', 'node_modules', 'dist/src', 'proto']) {
      assert.match(dockerfile, new RegExp(`^COPY --from=build .*/src/${path}`, 'm'));
    }
  });
});

describe('docs/operating.md', () => {
  it('says how many files a member needs', () => {
    assert.ok(page.includes(`${filesWanted.toLocaleString('en-US')} leave all limits`));
    const least = ownFilesKept + peerConnectionsMin + clientConnectionsMin;
    assert.match(page, new RegExp(`^\\| descriptors \\| ${least} `, 'm'));
  });

  it('names metrics and log lines that the code has', () => {
    const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .map((path) => read(`src/${path}`))
      .join('\n');
    const metrics = page.match(/\b(?:kvorum|process)_[a-z_]+\b/g)!;
    assert.ok(metrics.length >= 12);
    for (const name of metrics) assert.ok(sources.includes(`'${name}'`), name);
    const table = page.slice(page.indexOf('Lines of the log that ask for somebody'));
    const lines = [...table.matchAll(/^\| (`.+?`(?:, `.+?`)*) +\|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`(.+?)`/g)].map(([, line]) => line!),
    );
    assert.ok(lines.length >= 6);
    for (const line of lines) assert.ok(sources.includes(line.replace('...', '')), line);
  });

  it('names files that there are', () => {
    for (const [, target] of page.matchAll(/\]\(([^)]+)\)/g)) read(`docs/${target!.split('#')[0]!}`);
  });
});
