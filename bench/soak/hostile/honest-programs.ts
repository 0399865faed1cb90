import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { python } from '../../../test/debian/needs.js';

/** A client in some language: takes `-endpoints` and `-seconds`, ends with one line of JSON. */
export interface HonestProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Times {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What such a program has to say. */
export interface ProgramReport {
  readonly calls: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly messages: readonly string[];
  readonly disconnects?: number;
  readonly get: Times;
  readonly put: Times;
}

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const compiled = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * What can be run here; what cannot is said.
 *
 * @param folder for what is built
 */
export async function honestPrograms(
  folder: string,
  say: (line: string) => void,
): Promise<readonly HonestProgram[]> {
  const programs: HonestProgram[] = [
    {
      name: 'grpc-js',
      command: process.execPath,
      args: [join(compiled, 'test/hostile/honest/grpc-js-load.js')],
    },
  ];
  try {
    await run(python, ['-c', 'import grpc']);
    programs.push({ name: 'python', command: python, args: [join(root, 'test/hostile/honest/load.py')] });
  } catch {
    say('python is left out: apt-get install python3-grpcio');
  }
  try {
    programs.push(await goProgram(folder));
  } catch (error) {
    say(`go is left out: ${String(error).split('\n', 1)[0]!}`);
  }
  return programs;
}

/** Patterns of honest Go programs that go on side by side; those of thousands of streams are tests of their own. */
const goFlags = ['-load', '-goroutines=5', '-streams=200', '-patterns=get,put,large,cancel,deadline,watches'];

async function goProgram(folder: string): Promise<HonestProgram> {
  const source = join(root, 'test/interop/go');
  if (!existsSync(source)) throw new Error('there is no client in Go');
  const command = join(folder, 'go-client');
  await run('go', ['build', '-o', command, '.'], { cwd: source });
  return { name: 'go', command, args: goFlags };
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Resolves when the program has ended; rejects when it has nothing to say. */
export async function runHonest(
  { name, command, args }: HonestProgram,
  endpoints: readonly string[],
  seconds: number,
): Promise<ProgramReport> {
  const words = [...args, `-endpoints=${endpoints.join(',')}`, `-seconds=${seconds}`];
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  running.delete(child);
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  if (!last.startsWith('{')) throw new Error(`${name} ended without a report`);
  return JSON.parse(last) as ProgramReport;
}
