import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { bundledScript, mainScript } from './processes/member-process.js';
import { ProcessCluster } from './processes/process-cluster.js';

/** Says on stderr what is loaded. */
const hooks = `
import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  writeSync(2, 'loaded ' + url + '\\n');
  return next(url, context);
}`;
const dataUrl = (program: string): string => `data:text/javascript,${encodeURIComponent(program)}`;
const watch = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))});`);

/** Every module that a command loads. */
async function loadedBy(script: string, words: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', watch, script, ...words]);
  return [...stderr.matchAll(/^loaded (.*)$/gm)].map(([, url]) => url!);
}

const packageOf = (url: string): string | undefined => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
const ofServer = /\/src\/(?:[^/]+\.js|(?:server|api|member|fsm|storage|peer|ports|raft|grpc)\/.*)$/;

void describe('a client command', () => {
  it('loads neither the server nor what it needs, and no native module', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const server = `-server=${cluster.member('node1').endpoint}`;
      const own: string[][] = [['help'], ['version'], ['get', '-h'], ['completion', 'bash']];
      const keys = [
        ['set', 'a', '1'],
        ['get', 'a'],
        ['bench', '-seconds=1'],
        ['delete', 'a'],
      ];
      const others = [['list'], ['keys'], ['members'], ['status'], ['export']];
      for (const words of [...own, ...[...others, ...keys].map((each) => [server, ...each])]) {
        const loaded = await loadedBy(mainScript, words);
        assert.ok(loaded.some((url) => url.endsWith('/src/cli/run-cli.js')));
        const unneeded = loaded.filter((url) => ofServer.test(url) && !url.endsWith('/src/version.js'));
        assert.deepEqual(unneeded, [], words.join(' '));
        const packages = new Set(loaded.flatMap((url) => packageOf(url) ?? []));
        const expected = others.some((each) => each[0] === words[1]) ? ['@bufbuild/protobuf'] : [];
        assert.deepEqual([...packages], expected, words.join(' '));
        const client = loaded.filter((url) => url.includes('/src/client/')).length;
        if (own.includes(words)) assert.ok(client <= 2, `${words.join(' ')} loads the client`);
      }
    });
  });

  it('is a few files where it is installed', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const server = `-server=${cluster.member('node1').endpoint}`;
      for (const words of [[server, 'set', 'a', '1'], [server, 'get', 'a'], ['help']]) {
        const loaded = await loadedBy(bundledScript, words);
        const files = loaded.filter((url) => url.startsWith('file:'));
        assert.ok(files.length > 0 && files.length <= 20, `${files.length} files for ${words.join(' ')}`);
        for (const file of files) assert.match(file, /\/dist\/bundle\/[^/]+$/);
      }
    });
  });
});
