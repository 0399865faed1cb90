import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Prng } from '../src/base/prng.js';
import type { FlagSpec } from '../src/cli/flags.js';
import { connect, KvorumError, type KvorumClient } from '../src/client/index.js';
import { ThrottlingProxy } from '../src/peer/testing/throttling-proxy.js';
import { freePorts } from './harness/free-ports.js';
import { ServerProcess } from './harness/server-process.js';
import { SteadyWrites } from './load/steady-writes.js';
import { flagLines } from './report/flag-lines.js';
import { runProgram } from './report/run-program.js';

/**
 * Brings a large state to a new member over a link with a bandwidth, while others write, and shows how long that takes,
 * what memory and log it takes at both ends, and what the writers notice.
 */
const flags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'mib', kind: 'number', default: '10240', value: 'N', summary: 'of state; 10,240', min: 1 },
  {
    name: 'value',
    kind: 'number',
    default: '65536',
    value: 'BYTES',
    summary: 'of each pair; 65,536',
    min: 1,
  },
  {
    name: 'rate',
    kind: 'number',
    default: '50',
    value: 'MB',
    summary: 'that the link takes in a second; 50',
    min: 1,
  },
  {
    name: 'writes',
    kind: 'number',
    default: '500',
    value: 'N',
    summary: 'in a second meanwhile; 500',
    min: 1,
  },
];

const mib = 1024 * 1024;
const mainScript = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const fillersMax = 32;
const pairsCompared = 200;
const rowEveryMs = 10_000;
const sampleEveryMs = 500;

type Values = Readonly<Record<'mib' | 'value' | 'rate' | 'writes', number>>;

const inMib = (bytes: number): string => (bytes / mib).toFixed(0);

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Bytes that nothing on the way makes fewer. The same for the same pair. */
function valueOf(at: number, sizeBytes: number): Buffer {
  const random = new Prng(at);
  const value = Buffer.alloc(sizeBytes);
  for (let from = 0; from + 4 <= sizeBytes; from += 4) value.writeUInt32LE(random.nextUint32(), from);
  return value;
}

/** Resolves when it answers. */
async function up(client: KvorumClient, member: ServerProcess): Promise<void> {
  for (;;) {
    if (!member.running) throw new Error(`a member ended: ${member.lastOutput}`);
    try {
      await client.status();
      return;
    } catch (error) {
      if (!(error instanceof KvorumError)) throw error;
      await delay(sampleEveryMs);
    }
  }
}

/** Two members, a link between them, and the most that was seen of what they hold. */
class Scene {
  readonly #folder: string;
  readonly #members = new Map<string, ServerProcess>();
  readonly #anonymousBytes = new Map<string, number>();
  readonly #sampling: NodeJS.Timeout;

  constructor(folder: string) {
    this.#folder = folder;
    this.#sampling = setInterval(() => this.#sample(), sampleEveryMs);
  }

  start(
    name: string,
    ports: readonly [client: number, raft: number],
    entrance: readonly string[],
  ): KvorumClient {
    const args = [mainScript, 'serve', `-id=${name}`, `-data-dir=${join(this.#folder, name)}`];
    args.push(`-grpcport=${ports[0]}`, `-raftport=${ports[1]}`, ...entrance);
    const log = join(this.#folder, `${name}.log`);
    this.#members.set(name, new ServerProcess({ command: process.execPath, args }, log));
    return connect({ endpoints: [`127.0.0.1:${ports[0]}`], timeoutMs: 60_000 });
  }

  member(name: string): ServerProcess {
    return this.#members.get(name)!;
  }

  #sample(): void {
    for (const [name, member] of this.#members) {
      if (!member.running) throw new Error(`${name} ended: ${member.lastOutput}`);
      const before = this.#anonymousBytes.get(name) ?? 0;
      this.#anonymousBytes.set(name, Math.max(before, member.residentAnonymousBytes));
    }
  }

  /** Since the last asking. */
  memory(): string {
    const told = [...this.#anonymousBytes].map(([name, bytes]) => `${name} ${inMib(bytes)}`);
    this.#anonymousBytes.clear();
    return `RssAnon at most ${told.join(', ')} MiB`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampling);
    await Promise.all([...this.#members.values()].map((member) => member.kill('SIGKILL')));
  }
}

async function fill(client: KvorumClient, count: number, sizeBytes: number): Promise<void> {
  let next = 0;
  const filler = async (): Promise<void> => {
    while (next < count) {
      const at = next++;
      await client.set(`state/${at}`, valueOf(at, sizeBytes));
    }
  };
  await Promise.all(Array.from({ length: fillersMax }, filler));
}

/** Resolves when the joiner votes; a row for each ten seconds until then. */
async function caughtUp(founder: KvorumClient, scene: Scene, writes: SteadyWrites): Promise<void> {
  const beganMs = performance.now();
  let rows = 0;
  for (;;) {
    await delay(sampleEveryMs);
    const { peers, logSizeBytes, databaseSizeBytes } = await founder.status();
    const joiner = peers.find(({ name }) => name === 'joiner');
    const voter = joiner?.voter === true;
    const passedMs = performance.now() - beganMs;
    if (voter || passedMs > (rows + 1) * rowEveryMs) {
      rows = Math.floor(passedMs / rowEveryMs);
      const { snapshotSentBytes: sent, snapshotSizeBytes: size } = joiner ?? {};
      const transfer = sent === undefined ? 'no snapshot' : `${inMib(sent)} of ${inMib(size ?? 0)} MiB sent`;
      const founderHas = `founder: log ${inMib(logSizeBytes)}, database ${inMib(databaseSizeBytes)} MiB`;
      tell(
        `${(passedMs / 1000).toFixed(0)} s: ${voter ? 'voter' : transfer}; ${founderHas}; ${scene.memory()}; ${writes.row()}`,
      );
    }
    if (voter) return;
  }
}

async function compare(joiner: KvorumClient, count: number, sizeBytes: number): Promise<void> {
  const step = Math.max(1, Math.floor(count / pairsCompared));
  for (let at = 0; at < count; at += step) {
    const found = await joiner.getBytes(`state/${at}`);
    if (found === undefined || !valueOf(at, sizeBytes).equals(found)) {
      throw new Error(`state/${at} is another at the new member`);
    }
  }
  tell(`each ${step}th pair was compared at the new member`);
}

async function run(folder: string, values: Values): Promise<void> {
  const [founderClient, founderRaft, joinerClient, joinerRaft] = await freePorts(4);
  const link = await ThrottlingProxy.listen();
  link.leadTo(joinerRaft!);
  link.bytesPerSecond = values.rate * 1e6;
  const scene = new Scene(folder);
  const clients: KvorumClient[] = [];
  try {
    const founder = scene.start(
      'founder',
      [founderClient!, founderRaft!],
      ['-bootstrap', `-peers=joiner=${link.address}`],
    );
    clients.push(founder);
    await up(founder, scene.member('founder'));
    const count = Math.ceil((values.mib * mib) / values.value);
    const filledMs = performance.now();
    await fill(founder, count, values.value);
    const { databaseSizeBytes } = await founder.status();
    const seconds = ((performance.now() - filledMs) / 1000).toFixed(0);
    tell(
      `filled in ${seconds} s: ${count} pairs, database ${inMib(databaseSizeBytes)} MiB; ${scene.memory()}`,
    );
    const writes = new SteadyWrites(founder, values.writes);
    await delay(rowEveryMs);
    tell(`without a transfer: ${writes.row()}`);
    const entrance = [`-join=127.0.0.1:${founderClient}`];
    const joiner = scene.start('joiner', [joinerClient!, joinerRaft!], entrance);
    clients.push(joiner);
    await caughtUp(founder, scene, writes);
    await writes.stop();
    await compare(joiner, count, values.value);
  } finally {
    for (const client of clients) client.close();
    await scene.stop();
    await link.close();
  }
}

const help = (): string => `node dist/bench/large-state.js [flags]\n\n${flagLines(flags)}`;

await runProgram(flags, help, async (values) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-large-state-'));
  const [size, value, rate, writes] = (['mib', 'value', 'rate', 'writes'] as const).map((name) =>
    values.number(name),
  );
  try {
    await run(folder, { mib: size!, value: value!, rate: rate!, writes: writes! });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
