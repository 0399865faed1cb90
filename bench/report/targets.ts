import { bareSync } from '../parts/one-at-a-time.js';
import { medianOf, type Figure, type Metric } from './figures.js';

/** What Kvorum is to reach: its median beside another's, or alone. */
export interface Target {
  readonly part: string;
  readonly load: RegExp;
  readonly metric: Metric;
  /** Compared with; undefined: an absolute limit. */
  readonly beside?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const etcd = { beside: 'etcd' } as const;

export const targets: readonly Target[] = [
  { part: 'puts', load: /^put, 256 .*leader/, metric: 'rate', ...etcd, atLeast: 4 },
  { part: 'puts', load: /^put, 1024 .*leader/, metric: 'rate', ...etcd, atLeast: 6 },
  { part: 'puts', load: /^put, 256 .*leader/, metric: 'p99', ...etcd, atMost: 0.5 },
  { part: 'gets', load: /^get, 256 .*(leader|follower)/, metric: 'rate', ...etcd, atLeast: 4 },
  { part: 'gets', load: /^get, 256 .*leader/, metric: 'p99', ...etcd, atMost: 0.5 },
  { part: 'one', load: /^one put/, metric: 'p50', ...etcd, atMost: 0.8 },
  { part: 'one', load: /^one put/, metric: 'p50', beside: bareSync, atMost: 2.5 },
  { part: 'clients', load: /^(put|get), 256/, metric: 'rate', ...etcd, atLeast: 12 },
  { part: 'failover', load: /^kill/, metric: 'time', ...etcd, atMost: 1 },
  { part: 'failover', load: /^kill/, metric: 'time', atMost: 1.5 },
  { part: 'keys', load: /^resident member, /, metric: 'memory', ...etcd, atMost: 0.6 },
  { part: 'keys', load: /^restart of a follower/, metric: 'time', ...etcd, atMost: 0.3 },
  { part: 'keys', load: /^load/, metric: 'time', ...etcd, atMost: 0.5 },
  { part: 'stalls', load: /all of these/, metric: 'over', atMost: 20 },
];

export interface Verdict {
  /** As the table shows it: `>= 4 x etcd`. */
  readonly text: string;
  readonly met: boolean;
}

/** What the targets say of one figure of `system`. */
export function judge(figure: Figure, system: string): Verdict[] {
  return targets.flatMap((target) => {
    if (target.part !== figure.part || target.metric !== figure.metric) return [];
    if (!target.load.test(figure.load)) return [];
    const own = medianOf(figure, system);
    const base = target.beside === undefined ? 1 : medianOf(figure, target.beside);
    if (own === undefined || base === undefined) return [];
    const ratio = own / base;
    const limit = target.atLeast ?? target.atMost ?? 0;
    const met = target.atLeast === undefined ? ratio <= limit : ratio >= limit;
    const sign = target.atLeast === undefined ? '<=' : '>=';
    return [{ text: `${sign} ${limit}${target.beside === undefined ? '' : ` x ${target.beside}`}`, met }];
  });
}
