import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { machineCount, runRounds } from './rounds.js';
import { VirtualNetwork } from './virtual-network.js';

const script = fileURLToPath(import.meta.url);

/**
 * Makes machines, plays rounds of faults on them for so long, and removes them. Needs root.
 *
 * @returns whether all went well
 */
export async function runOnNetwork(setup: {
  readonly seconds: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}): Promise<boolean> {
  const prefix = `kvorum-${process.pid}`;
  const network = await VirtualNetwork.make(prefix, machineCount);
  try {
    const flags = [`--inside=${prefix}`, `--seconds=${setup.seconds}`, `--seed=${setup.seed}`];
    const [command, ...words] = [...network.atSwitch, process.execPath, script, ...flags];
    const child = spawn(command!, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const stop = (): void => void child.kill('SIGTERM');
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
    createInterface({ input: child.stdout }).on('line', setup.tell);
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code === 0));
    });
  } finally {
    await network.remove();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '600' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      inside: { type: 'string' },
    },
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  const tell = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values.inside !== undefined) {
    await runRounds({ prefix: values.inside, seed, durationMs: seconds * 1000, tell });
    // Clients may still wait for connections that nobody needs any more.
    process.exit(0);
  }
  const passed = await runOnNetwork({ seconds, seed, tell });
  tell(passed ? 'passed' : `FAILED: npm run test:network -- --seed=${seed} --seconds=${seconds}`);
  process.exitCode = passed ? 0 : 1;
}

if (process.argv[1] === script) await main();
