import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MemberProcess } from './processes/member-process.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const modules = join(root, 'node_modules');

interface Manifest {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** What somebody has who installs the package. */
void describe('the package', () => {
  let folder: string;
  let files: readonly string[];
  const at = (path: string): string => join(folder, 'node_modules', 'kvorum', path);

  before(async () => {
    folder = fs.mkdtempSync(join(tmpdir(), 'kvorum-package-'));
    // Without its script, which would build again what other tests are using.
    const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', words, { cwd: root });
    const [packed] = JSON.parse(stdout) as [Packed];
    files = packed.files.map(({ path }) => path);
    await run('tar', ['-xzf', join(folder, packed.filename), '-C', folder]);
    fs.mkdirSync(join(folder, 'node_modules'));
    fs.cpSync(join(folder, 'package'), at(''), { recursive: true });
    // And what its dependencies bring, from where npm has put it here.
    for (const name of Object.keys(manifest.dependencies)) {
      const link = join(folder, 'node_modules', name);
      fs.mkdirSync(dirname(link), { recursive: true });
      fs.symlinkSync(join(modules, name), link);
    }
  });

  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('holds what its users need, and no tests', () => {
    const unwanted = files.filter((path) => /\.test\.|\.map$|[/](testing|attacks|conformance)[/]/.test(path));
    assert.deepEqual(unwanted, []);
    assert.ok(files.length < 400, `${files.length} files`);
    for (const path of ['README.md', 'LICENSE', 'docs/cli.md', 'proto/kvstore.proto'])
      assert.ok(files.includes(path), path);
  });

  it('has no link in its documents to what is not there', () => {
    for (const path of files.filter((each) => each.endsWith('.md'))) {
      for (const [, link] of fs.readFileSync(at(path), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
        assert.ok(fs.existsSync(resolve(dirname(at(path)), link!)), `${path} points to ${link}`);
      }
    }
  });

  it('starts a member, whose keys its command line sets and gets', async (t) => {
    const script = at('dist/bundle/main.js');
    const flags = ['-bootstrap', '-grpcport=0', '-raftport=0', `-data-dir=${join(folder, 'data')}`];
    const member = new MemberProcess('node1', [...flags, '-log-format=json'], { script });
    t.after(async () => {
      member.signal('SIGTERM');
      await member.ended();
    });
    const { grpc } = await member.event('member is up');
    const words = [script, `-server=${String(grpc)}`];
    await run(process.execPath, [...words, 'set', 'colour', 'blue']);
    const got = await run(process.execPath, [...words, 'get', 'colour']);
    assert.equal(got.stdout, 'blue\n');
  });

  it('has types that a strict compiler takes, and modules that Node takes', async () => {
    const program = `
import { connect, KvorumError, type KeyValue } from 'kvorum/client';
import { GrpcServer } from 'kvorum/grpc-server';
using client = connect({ endpoints: ['localhost:1'] });
const pair: KeyValue | undefined = await client.getPair('a').catch((error: unknown) => {
  if (error instanceof KvorumError && error.code === 'SERVER_UNREACHABLE') return undefined;
  throw error;
});
console.log(pair, new GrpcServer({ services: [] }).stats().connections);
`;
    fs.writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    fs.writeFileSync(join(folder, 'program.ts'), program);
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const libraries = ['--lib', 'es2023,esnext.disposable', '--typeRoots', join(modules, '@types')];
    const compiler = join(modules, 'typescript', 'bin', 'tsc');
    await run(process.execPath, [compiler, ...options, ...libraries, 'program.ts'], { cwd: folder });
    const { stdout } = await run(process.execPath, ['program.js'], { cwd: folder });
    assert.equal(stdout, 'undefined 0\n');
  });

  it('asks for nothing that runs when it is installed', () => {
    const installed = fs.readdirSync(at(''));
    assert.ok(!installed.includes('binding.gyp'));
    const { scripts } = JSON.parse(fs.readFileSync(at('package.json'), 'utf8')) as { scripts: object };
    for (const name of ['preinstall', 'install', 'postinstall']) assert.ok(!(name in scripts), name);
  });
});
