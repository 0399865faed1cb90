import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ProcessCluster } from './processes/process-cluster.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Packages that npm installs for one platform each, and leaves out with `--omit=optional`. */
const binaries = { lmdb: '@lmdb', koffi: '@koromix' } as const;
type Native = keyof typeof binaries;

void describe('an installation without native code', () => {
  let folder: string;

  before(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'kvorum-without-native-code-'));
    fs.mkdirSync(join(folder, 'dist'));
    fs.copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
    for (const name of ['bundle', 'src'])
      fs.symlinkSync(join(root, 'dist', name), join(folder, 'dist', name));
  });

  after(() => fs.rmSync(folder, { recursive: true }));

  /** Installs all packages but these. */
  function installWithout(...names: readonly string[]): void {
    const modules = join(folder, 'node_modules');
    fs.rmSync(modules, { recursive: true, force: true });
    fs.mkdirSync(modules);
    for (const name of fs.readdirSync(join(root, 'node_modules'))) {
      if (!names.includes(name)) fs.symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
  }

  function node(...words: readonly string[]): Promise<Ended> {
    // Packages are looked for where they are linked from.
    const flags = ['--preserve-symlinks', '--preserve-symlinks-main'];
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [...flags, ...words], { cwd: folder }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
      child.stdin!.end('{"key":"b","value":"2"}\n');
    });
  }

  const kvorum = (...words: readonly string[]): Promise<Ended> => node('dist/bundle/main.js', ...words);

  for (const name of Object.keys(binaries) as Native[]) {
    for (const missing of [name, binaries[name]]) {
      it(`without ${missing} says that it cannot run a member, and how it could`, async () => {
        installWithout(missing);
        for (const words of [
          ['serve', '-bootstrap', '-grpcport=0', '-raftport=0'],
          ['recover', '-data-dir=data'],
        ]) {
          const { code, stdout, stderr } = await kvorum(...words);
          assert.deepEqual({ code, stdout }, { code: 1, stdout: '' }, stderr);
          assert.match(
            stderr,
            new RegExp(
              `^a member needs the package ${name} with its native code for ${process.platform}-${process.arch}, which cannot be loaded: install Kvorum again with optional packages \\(npm install --include=optional\\), .*\\n$`,
            ),
          );
        }
        assert.ok(!fs.existsSync(join(folder, 'data')));
      });
    }
  }

  it('has all that a client needs', async (t) => {
    installWithout(...Object.keys(binaries), ...Object.values(binaries));
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const { endpoint } = cluster.member('node1');
      for (const words of [
        ...[
          ['set', 'a', '1'],
          ['get', 'a'],
          ['list'],
          ['keys'],
          ['delete', 'a'],
          ['import', '-'],
          ['export'],
        ],
        ...[['members'], ['status'], ['bench', '-seconds=1']],
      ]) {
        const { code, stderr } = await kvorum(...words, `-server=${endpoint}`);
        assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
      }
      for (const words of [['help'], ['help', 'serve'], ['version'], ['completion', 'bash']]) {
        assert.equal((await kvorum(...words)).code, 0);
      }
      const program = `
        import { connect } from './dist/src/client/index.js';
        const client = connect({ endpoints: '${endpoint}' });
        console.log(await client.get('b'), (await client.members()).members.length);
        client.close();`;
      fs.writeFileSync(join(folder, 'program.mjs'), program);
      assert.deepEqual(await node('program.mjs'), { code: 0, stdout: '2 1\n', stderr: '' });
    });
  });
});
