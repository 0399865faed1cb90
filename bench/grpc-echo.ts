import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from './harness/server-process.js';
import { h2load } from './load/h2load.js';
import { median, summarise } from './load/latencies.js';

/**
 * Unary echo of 150 bytes: `src/grpc` and `@grpc/grpc-js`, each alone on one core, in turn under the same
 * h2load on the other. Prints requests a second and CPU time a request, and their ratios. h2load itself ends at
 * some hundred thousand requests a second; the CPU time shows what the server would do beyond that.
 */
const rounds = 5;
const roundSeconds = 2;
const message = Buffer.alloc(150, 'x');
const loads = [
  { connections: 1, streamsPerConnection: 1 },
  { connections: 4, streamsPerConnection: 64 },
  { connections: 32, streamsPerConnection: 32 },
];
const systems = ['ours', 'grpc-js'] as const;
type System = (typeof systems)[number];

interface Round {
  readonly requestsPerSecond: number;
  readonly cpuUs: number;
  readonly p99Ms: number;
}

const folder = mkdtempSync(join(tmpdir(), 'kvorum-bench-echo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Keeps servers on the first core and h2load on the others, where that can be had. */
const canPin = spawnSync('taskset', ['-c', '0', 'true']).status === 0;
if (canPin) spawnSync('taskset', ['-p', '-c', '1-63', String(process.pid)]);

async function serve(system: System): Promise<{ process: ServerProcess; endpoint: string }> {
  const script = fileURLToPath(new URL('echo/server.js', import.meta.url));
  const log = join(folder, system);
  const args = [script, system];
  const program = canPin
    ? { command: 'taskset', args: ['-c', '0', process.execPath, ...args] }
    : { command: process.execPath, args };
  const server = new ServerProcess(program, log);
  for (;;) {
    const port = /^(\d+)\n/.exec(readFileSync(log, 'utf8'))?.[1];
    if (port !== undefined) return { process: server, endpoint: `127.0.0.1:${port}` };
    if (!server.running) throw new Error(`the server ended: ${server.lastOutput}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function main(): Promise<void> {
  process.stdout.write(
    `${'load'.padEnd(28)}${systems.map((system) => `${system} req/s  us CPU  p99 ms`.padStart(32)).join('')}   ratio  by CPU\n`,
  );
  const servers = new Map(
    await Promise.all(systems.map(async (system) => [system, await serve(system)] as const)),
  );
  for (const load of loads) {
    const measured = new Map<System, Round[]>(systems.map((system) => [system, []]));
    const requests = new Map<System, number>();
    const run = async (system: System, count: number): Promise<Round> => {
      const { process: server, endpoint } = servers.get(system)!;
      const before = server.cpuSeconds;
      const result = await h2load({
        endpoint,
        methods: ['/bench.Echo/Echo'],
        message,
        requests: count,
        ...load,
      });
      if (result.dataBytes !== count * (message.length + 5))
        throw new Error(`${system}: an answer was no echo`);
      const { requestsPerSecond, p99Ms } = summarise(result);
      return { requestsPerSecond, p99Ms, cpuUs: ((server.cpuSeconds - before) * 1e6) / count };
    };
    for (const system of systems) {
      await run(system, 20_000);
      const { requestsPerSecond } = await run(system, 20_000);
      requests.set(system, Math.round(requestsPerSecond * roundSeconds));
    }
    for (let round = 0; round < rounds; round++) {
      for (const system of round % 2 === 0 ? systems : systems.toReversed()) {
        measured.get(system)!.push(await run(system, requests.get(system)!));
      }
    }
    print(load, measured);
  }
  for (const { process: server } of servers.values()) await server.kill('SIGKILL');
}

function print(load: (typeof loads)[number], measured: ReadonlyMap<System, readonly Round[]>): void {
  const of = (system: System, metric: keyof Round): number =>
    median(measured.get(system)!.map((round) => round[metric]));
  const columns = systems.map((system) => {
    const { rate, cpu, p99 } = {
      rate: of(system, 'requestsPerSecond').toFixed(0),
      cpu: of(system, 'cpuUs').toFixed(2),
      p99: of(system, 'p99Ms').toFixed(2),
    };
    return `${rate.padStart(16)}${cpu.padStart(8)}${p99.padStart(8)}`;
  });
  const rateRatio = of('ours', 'requestsPerSecond') / of('grpc-js', 'requestsPerSecond');
  const cpuRatio = of('grpc-js', 'cpuUs') / of('ours', 'cpuUs');
  const name = `${load.connections} x ${load.streamsPerConnection} outstanding`;
  process.stdout.write(
    `${name.padEnd(28)}${columns.join('')}${rateRatio.toFixed(1).padStart(8)}${cpuRatio.toFixed(1).padStart(8)}\n`,
  );
}

// Whatever ends this process ends the servers that it started (on 'exit').
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
await main();
