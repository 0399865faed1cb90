import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makePlan } from './plan.js';
import { Run } from './run.js';
import { encodeTraceEvent } from './trace.js';

/** From the compiled file in dist/sim to the list beside the sources. */
const listPath = fileURLToPath(new URL('../../sim/fingerprints.txt', import.meta.url));

/** One run, written down. */
export interface Fingerprint {
  readonly seed: number;
  /** SHA-256 over every line of the trace and the result; its first 64 bits in hex. */
  readonly hash: string;
}

/** Everything that happened in a run: an event a line, then the result. */
export async function traceOf(seed: number): Promise<string> {
  const lines: string[] = [];
  const result = await new Run(makePlan(seed), (event) => lines.push(encodeTraceEvent(event))).play();
  // Of a failure the first line: whom a stack names depends on who called.
  const failure = result.failure?.split('\n')[0];
  return [...lines, JSON.stringify({ ...result, failure })].join('\n');
}

export async function fingerprintOf(seed: number): Promise<Fingerprint> {
  const hash = createHash('sha256').update(await traceOf(seed));
  return { seed, hash: hash.digest('hex').slice(0, 16) };
}

const isComment = (line: string): boolean => line === '' || line.startsWith('#');

function readList(): string[] {
  return readFileSync(listPath, 'utf8').trimEnd().split('\n');
}

/** What the runs of sim/fingerprints.txt were like where they were written down. */
export function recordedFingerprints(): Fingerprint[] {
  return readList()
    .filter((line) => !isComment(line))
    .map((line) => {
      const [seed, hash] = line.split(/\s+/);
      return { seed: Number(seed), hash: hash ?? '' };
    });
}

/** Writes the list anew, with the runs as they are on this code. */
export async function recordFingerprints(): Promise<void> {
  const lines: string[] = [];
  for (const line of readList()) {
    const [seed, , ...about] = line.split(/\s+/);
    if (isComment(line)) lines.push(line);
    else lines.push([seed, (await fingerprintOf(Number(seed))).hash, ...about].join(' '));
  }
  writeFileSync(listPath, `${lines.join('\n')}\n`);
}
