import { measureUnary } from '../load/rounds.js';
import type { UnaryLoad } from '../load/unary.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

const small = { valueSizeBytes: 128 } as const;
const busy = { ...small, outstanding: 256 } as const;
const onLeader = { ...small, at: 'leader' } as const;

const puts: readonly UnaryLoad[] = [
  { operation: 'put', ...onLeader, outstanding: 1 },
  { operation: 'put', ...onLeader, outstanding: 16 },
  { operation: 'put', ...onLeader, outstanding: 256 },
  { operation: 'put', ...onLeader, outstanding: 1024 },
  { operation: 'put', ...busy, at: 'follower' },
  { operation: 'put', ...busy, at: 'spread' },
];

const gets: readonly UnaryLoad[] = puts.map((load) => ({ ...load, operation: 'get' }));

const mixed: readonly UnaryLoad[] = [
  { operation: 'mixed', ...busy, at: 'leader' },
  { operation: 'mixed', ...busy, at: 'spread' },
];

const sizes: readonly UnaryLoad[] = [4096, 65_536].flatMap((valueSizeBytes) => [
  { operation: 'put', outstanding: 256, at: 'leader', valueSizeBytes },
  { operation: 'get', outstanding: 256, at: 'leader', valueSizeBytes },
]);

/** What a short run measures: the loads that the targets name. */
function isShort({ operation, at, outstanding }: UnaryLoad): boolean {
  if (operation === 'put') return at === 'leader' && outstanding >= 256;
  return operation === 'get' && outstanding === 256 && at !== 'spread';
}

function unaryPart(name: string, summary: string, inShort: boolean, loads: readonly UnaryLoad[]): Part {
  return {
    name,
    summary,
    inShort,
    run: (run: Run) =>
      withClusters(run, 3, async (clusters) => {
        const some = run.effort.short && inShort ? loads.filter(isShort) : loads;
        for (const load of some) await measureUnary(run, name, clusters, load);
      }),
  };
}

export const unaryParts: readonly Part[] = [
  unaryPart('puts', 'unary puts: 1 to 1,024 outstanding, at the leader, at a follower, spread', true, puts),
  unaryPart('gets', 'linearizable gets of one key: the same', true, gets),
  unaryPart('mixed', 'nine gets and a put in turn', false, mixed),
  unaryPart('sizes', 'puts and gets of values of 4 and 64 KiB', false, sizes),
];

export const memberCountsPart: Part = {
  name: 'members',
  summary: 'puts and gets with one, three and five members',
  inShort: false,
  run: async (run) => {
    for (const count of [1, 3, 5]) {
      await withClusters(run, count, async (clusters) => {
        for (const operation of ['put', 'get'] as const) {
          const load = { operation, ...busy, at: 'leader' } as const;
          const name = `${operation}, ${count} ${count === 1 ? 'member' : 'members'}, 256 outstanding`;
          await measureUnary(run, 'members', clusters, load, name);
        }
      });
    }
  },
};
