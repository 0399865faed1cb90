import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArguments, usage, UsageError, type Arguments } from './arguments.js';
import { machineCount, runRounds } from './rounds.js';
import { VirtualNetwork } from './virtual-network.js';

/** This one, compiled. */
export const script = fileURLToPath(import.meta.url);
const signals = ['SIGINT', 'SIGTERM'] as const;

/** Begins the names of all that a process makes outside of itself. */
export function prefixOf(processId: number): string {
  return `kvorum-network-${processId}`;
}

export interface NetworkSetup {
  readonly seconds: number;
  readonly seed: number;
  /** This one again and again; undefined: all of them. */
  readonly fault?: string;
  readonly tell: (line: string) => void;
}

/**
 * Makes machines, plays rounds of faults on them for so long, and removes them, whatever comes in between: SIGINT and
 * SIGTERM end it early. Needs root.
 */
export async function runOnNetwork(setup: NetworkSetup): Promise<'passed' | 'failed' | 'interrupted'> {
  const prefix = prefixOf(process.pid);
  let child: ChildProcess | undefined;
  const interruption = new AbortController();
  const stop = (): void => {
    interruption.abort();
    child?.kill('SIGTERM');
  };
  for (const signal of signals) process.on(signal, stop);
  const folder = await mkdtemp(join(tmpdir(), `${prefix}-`));
  let network: VirtualNetwork | undefined;
  try {
    network = await VirtualNetwork.make(prefix, machineCount);
    interruption.signal.throwIfAborted();
    const flags = [`--inside=${prefix}`, ...flagsOf(setup)];
    const [command, ...words] = [...network.atSwitch, process.execPath, script, ...flags];
    child = spawn(command!, words, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: folder },
      // What is typed at a terminal reaches this process alone, which ends the other one and cleans up behind it.
      detached: true,
    });
    createInterface({ input: child.stdout! }).on('line', setup.tell);
    const passed = await ended(child);
    interruption.signal.throwIfAborted();
    return passed ? 'passed' : 'failed';
  } catch (error) {
    if (interruption.signal.aborted) return 'interrupted';
    throw error;
  } finally {
    await network?.remove();
    await rm(folder, { recursive: true, force: true });
    for (const signal of signals) process.off(signal, stop);
  }
}

function ended(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0));
  });
}

function flagsOf({ seconds, seed, fault }: NetworkSetup): string[] {
  return [`--seed=${seed}`, `--seconds=${seconds}`, ...(fault === undefined ? [] : [`--fault=${fault}`])];
}

async function main({ seconds, seed, fault, inside }: Arguments): Promise<void> {
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  if (inside !== undefined) {
    await runRounds({ prefix: inside, seed, durationMs: seconds * 1000, fault, tell });
    // Clients may still wait for connections that nobody needs any more.
    process.exit(0);
  }
  const setup = { seconds, seed, ...(fault === undefined ? {} : { fault }), tell };
  const outcome = await runOnNetwork(setup);
  const again = flagsOf(setup)
    .map((flag) => (flag.includes(' ') ? `'${flag}'` : flag))
    .join(' ');
  tell(outcome === 'failed' ? `FAILED: npm run test:network -- ${again}` : outcome);
  process.exitCode = outcome === 'passed' ? 0 : 1;
}

if (process.argv[1] === script) {
  try {
    const args = parseArguments(process.argv.slice(2));
    if (args.help) process.stdout.write(`${usage}\n`);
    else await main(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exitCode = 2;
  }
}
