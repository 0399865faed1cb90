import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Prints where a CPU profile (`node --cpu-prof`) spent its time: by folder of code, and by function. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const functionsShown = 40;
const root = fileURLToPath(new URL('..', import.meta.url));

/** `src/member`, a package's name, or what the engine calls it: `(idle)`, `(garbage collector)`. */
function folderOf(url: string, functionName: string): string {
  const packageName = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (packageName !== undefined) return packageName;
  if (url.startsWith('node:')) return 'node';
  if (!url.startsWith('file:')) return functionName.startsWith('(') ? functionName : '(native)';
  return /src\/[^/]+/.exec(relative(root, fileURLToPath(url)))?.[0] ?? 'other';
}

function placeOf(url: string, line: number): string {
  return `${url.replace(/^.*\/(node_modules|dist)\//, '')}:${line + 1}`;
}

function print(title: string, spent: ReadonlyMap<string, number>, totalUs: number, count: number): void {
  const sorted = [...spent].sort(([, a], [, b]) => b - a).slice(0, count);
  process.stdout.write(`\n${title}\n`);
  for (const [name, us] of sorted) {
    process.stdout.write(`${((us / totalUs) * 100).toFixed(1).padStart(6)} %  ${name}\n`);
  }
}

const file = process.argv[2];
if (file === undefined) {
  process.stderr.write('usage: node dist/bench/profile-summary.js FILE.cpuprofile\n');
  process.exit(2);
}
const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
const byFolder = new Map<string, number>();
const byFunction = new Map<string, number>();
let busyUs = 0;
const add = (spent: Map<string, number>, name: string, us: number): void => {
  spent.set(name, (spent.get(name) ?? 0) + us);
};
for (const [at, id] of profile.samples.entries()) {
  const { functionName, url, lineNumber } = frames.get(id)!;
  if (functionName === '(idle)' || functionName === '(program)') continue;
  const us = profile.timeDeltas[at]!;
  busyUs += us;
  add(byFolder, folderOf(url, functionName), us);
  const name = functionName === '' ? '(anonymous)' : functionName;
  add(byFunction, url === '' ? name : `${name}  ${placeOf(url, lineNumber)}`, us);
}
process.stdout.write(`busy for ${(busyUs / 1e6).toFixed(2)} s\n`);
print('by folder', byFolder, busyUs, functionsShown);
print('by function, without what it called', byFunction, busyUs, functionsShown);
