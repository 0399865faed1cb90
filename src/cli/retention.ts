import type { ServerOptions } from '../server/server-options.js';
import { UsageError } from './exit-codes.js';

const unitsMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3600_000 };

/**
 * What etcd's flags of these names mean: with `periodic` a time, where a bare number is of hours; with `revision` a number.
 *
 * @throws UsageError
 */
export function parseRetention(
  mode: string,
  text: string,
): Pick<ServerOptions, 'compactionAgeMs' | 'compactionRevisions'> {
  const [, digits, unit = ''] = /^(\d{1,15})([smh]?)$/.exec(text) ?? [];
  const byNumber = mode === 'revision';
  const ageMs = Number(digits) * (unitsMs[unit] ?? unitsMs['h']!);
  if (digits === undefined || (byNumber ? unit !== '' : !Number.isSafeInteger(ageMs))) {
    const rule = byNumber ? 'a number of revisions' : 'a time such as 90s, 30m or 72h';
    throw new UsageError(`-auto-compaction-retention must be ${rule}, or 0, not ${JSON.stringify(text)}`);
  }
  if (byNumber) return { compactionAgeMs: 0, compactionRevisions: Number(digits) };
  return { compactionAgeMs: ageMs, compactionRevisions: 0 };
}
