import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { FlagSpec, FlagValues } from '../src/cli/flags.js';
import { UsageError } from '../src/cli/exit-codes.js';
import { etcd } from './harness/etcd.js';
import { kvorum } from './harness/kvorum.js';
import { buildRevision, type BuiltRevision } from './harness/revision.js';
import type { System } from './harness/system.js';
import { clientsPart } from './parts/clients.js';
import { failoverPart } from './parts/failover.js';
import { millionKeysPart } from './parts/million-keys.js';
import { oneAtATimePart } from './parts/one-at-a-time.js';
import { fullEffort, shortEffort, type Effort, type Part } from './parts/part.js';
import { stallsPart } from './parts/stalls.js';
import { memberCountsPart, unaryParts } from './parts/unary.js';
import { environmentOf } from './report/environment.js';
import { Figures } from './report/figures.js';
import { flagLines, helpLine } from './report/flag-lines.js';
import { toJson } from './report/json.js';
import { runProgram } from './report/run-program.js';
import { ratioTable } from './report/table.js';

/** Runs Kvorum and etcd (or two revisions of Kvorum) in turn under the same loads, and prints ratios. */
const parts: readonly Part[] = [
  ...unaryParts,
  oneAtATimePart,
  clientsPart,
  failoverPart,
  millionKeysPart,
  memberCountsPart,
  stallsPart,
];

const flags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'short', kind: 'boolean', summary: 'the parts that say most, in less than two minutes' },
  { name: 'parts', kind: 'text', value: 'NAME,...', summary: 'only these, in the order below' },
  { name: 'json', kind: 'text', value: 'FILE', summary: 'write every sample to this file too' },
  { name: 'rounds', kind: 'number', value: 'N', summary: 'of each load', min: 1 },
  { name: 'seconds', kind: 'number', value: 'N', summary: 'length of a round', min: 1 },
  { name: 'kills', kind: 'number', value: 'N', summary: 'of the leader, in part failover', min: 1 },
  { name: 'keys', kind: 'number', value: 'N', summary: 'loaded in part keys', min: 1 },
  { name: 'members', kind: 'number', value: 'N', summary: 'of a cluster, in part stalls', min: 1 },
  {
    name: 'profile',
    kind: 'text',
    value: 'FOLDER',
    summary: "Kvorum's members leave CPU profiles there, which slows them",
  },
  {
    name: 'revisions',
    kind: 'text',
    value: 'NEW,OLD',
    summary: 'compare two git revisions of Kvorum instead of Kvorum with etcd',
  },
];

const root = fileURLToPath(new URL('../..', import.meta.url));

function help(): string {
  return [
    'usage: node dist/bench/compare.js [FLAGS]\n\nflags:\n',
    flagLines(flags),
    '\nparts (* in a short run):\n',
    ...parts.map(({ name, summary, inShort }) => helpLine(`${inShort ? '*' : ' '} ${name}`, summary)),
  ].join('');
}

function effortOf(given: FlagValues): Effort {
  const base = given.boolean('short') ? shortEffort : fullEffort;
  const number = (name: string): number | undefined =>
    given.optional(name) === undefined ? undefined : given.number(name);
  return {
    ...base,
    rounds: number('rounds') ?? base.rounds,
    roundSeconds: number('seconds') ?? base.roundSeconds,
    kills: number('kills') ?? base.kills,
    keys: number('keys') ?? base.keys,
    stalledMembers: number('members') ?? base.stalledMembers,
  };
}

function partsOf(given: FlagValues): readonly Part[] {
  const named = given.optional('parts')?.split(',');
  if (named === undefined) return given.boolean('short') ? parts.filter((part) => part.inShort) : parts;
  const unknown = named.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined) throw new UsageError(`there is no part ${JSON.stringify(unknown)}`);
  return parts.filter((part) => named.includes(part.name));
}

async function systemsOf(given: FlagValues, built: BuiltRevision[]): Promise<readonly System[]> {
  const revisions = given.optional('revisions')?.split(',');
  const profileFolder = given.optional('profile');
  if (revisions === undefined) return [kvorum('kvorum', root, profileFolder), etcd()];
  if (revisions.length !== 2) throw new UsageError('--revisions takes two, as in --revisions=HEAD,main');
  for (const revision of revisions) built.push(await buildRevision(root, revision));
  return built.map((each, at) => kvorum(`${revisions[at]!} ${each.hash}`, each.root, profileFolder));
}

async function main(values: FlagValues, given: ReadonlyMap<string, string>): Promise<void> {
  const chosen = partsOf(values);
  const effort = effortOf(values);
  const built: BuiltRevision[] = [];
  try {
    const systems = await systemsOf(values, built);
    const environment = environmentOf(systems, given);
    const figures = new Figures();
    const tell = (line: string): void => void process.stderr.write(`${line}\n`);
    for (const part of chosen) await part.run({ systems, effort, figures, tell });
    const names = systems.map(({ name }) => name);
    process.stdout.write(`\n${ratioTable(figures, names)}`);
    const file = values.optional('json');
    if (file !== undefined) await writeFile(file, toJson(environment, figures, names));
  } finally {
    for (const revision of built) await revision.remove();
  }
}

await runProgram(flags, help, main);
