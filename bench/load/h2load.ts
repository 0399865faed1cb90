import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Timings } from './latencies.js';

/** Requests of one message to one server. */
export interface H2Load {
  readonly endpoint: string;
  /** Called in turn on each connection. */
  readonly methods: readonly string[];
  readonly message: Uint8Array;
  readonly requests: number;
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** Of all connections together; without it, as many as are answered. */
  readonly requestsPerSecond?: number;
}

export interface H2LoadResult extends Timings {
  /** Bytes of DATA frames that came back: an answer that is an error has none. */
  readonly dataBytes: number;
}

const runTimeoutMs = 180_000;

/** Runs Debian's h2load. Rejects when a request got no answer or another HTTP status than 200. */
export async function h2load(load: H2Load): Promise<H2LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-bench-h2load-'));
  try {
    const [body, uris, log] = ['body', 'uris', 'log'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(body, frame(load.message));
    await writeFile(uris, load.methods.map((method) => `http://${load.endpoint}${method}\n`).join(''));
    const printed = await run('h2load', [
      `--requests=${load.requests}`,
      `--clients=${load.connections}`,
      `--max-concurrent-streams=${load.streamsPerConnection}`,
      `--input-file=${uris}`,
      `--data=${body}`,
      '--header=content-type: application/grpc',
      '--header=te: trailers',
      `--log-file=${log}`,
      ...(load.requestsPerSecond === undefined ? [] : [`--rps=${load.requestsPerSecond / load.connections}`]),
    ]);
    const timings = parseLog(await readFile(log), load.requests);
    return { ...timings, dataBytes: dataBytesOf(printed) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** gRPC's length-prefixed message, not compressed. */
function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** `traffic: 1.12MB (1174405) total, 469.53KB (480800) headers (…), 205.08KB (210000) data` */
function dataBytesOf(printed: string): number {
  const bytes = /^traffic:.*\((\d+)\) data$/m.exec(printed)?.[1];
  if (bytes === undefined) throw new Error(`h2load printed something else than expected: ${printed}`);
  return Number(bytes);
}

/** Lines of start in microseconds since the epoch, HTTP status, microseconds until the end of the answer. */
function parseLog(log: Buffer, requests: number): Timings {
  const lines = log.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length !== requests) throw new Error(`${lines.length} of ${requests} requests were answered`);
  const startsUs = new Float64Array(requests);
  const latenciesUs = new Float64Array(requests);
  for (const [at, line] of lines.entries()) {
    const [start, status, latency] = line.split('\t');
    if (status !== '200') throw new Error(`a request ended with HTTP status ${status ?? ''}`);
    startsUs[at] = Number(start);
    latenciesUs[at] = Number(latency);
  }
  return { startsUs, latenciesUs };
}

/** @returns what it printed */
export function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: runTimeoutMs });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const printed = Buffer.concat(chunks).toString();
      if (code === 0) resolve(printed);
      else reject(new Error(`${command} ended with ${code ?? signal ?? ''}: ${printed.slice(-2000)}`));
    });
  });
}
