import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { System } from '../harness/system.js';

/** What a reader needs to judge the figures: machine, versions, command. */
export interface Environment {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly command: string;
  readonly startedAt: string;
  /** Of the last minute, before the run: above zero, others were at work. */
  readonly loadBefore: number;
}

export function environmentOf(systems: readonly System[], given: ReadonlyMap<string, string>): Environment {
  const processors = cpus();
  const memoryGiB = Math.round(totalmem() / 1024 ** 3);
  const model = processors[0]?.model.replaceAll(/\s+/g, ' ').trim() ?? 'unknown';
  const h2load = spawnSync('h2load', ['--version'], { encoding: 'utf8' });
  if (h2load.status !== 0) throw new Error("h2load does not run here; install Debian's nghttp2-client");
  return {
    machine: `${processors.length} cores (${model}), ${memoryGiB} GiB, Linux ${release()}`,
    versions: {
      node: process.version,
      ...Object.fromEntries(systems.map(({ name, version }) => [name, version])),
      h2load: h2load.stdout.trim(),
      git: revision(),
    },
    command: ['node dist/bench/compare.js', ...[...given].map(shownFlag)].join(' '),
    startedAt: new Date().toISOString(),
    loadBefore: loadavg()[0]!,
  };
}

/** Of the work tree, with what is not committed marked. */
function revision(): string {
  const git = spawnSync('git', ['describe', '--always', '--dirty', '--exclude=*'], { encoding: 'utf8' });
  return git.status === 0 ? git.stdout.trim() : 'unknown';
}

/** The reader's own files and folders are left out. */
function shownFlag([name, value]: readonly [string, string]): string {
  return `--${name}=${name === 'json' || name === 'profile' ? '...' : value}`;
}
