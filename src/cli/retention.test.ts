import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './exit-codes.js';
import { parseRetention } from './retention.js';

void test('a time, or a number of revisions', () => {
  const cases: [mode: string, text: string, ageMs: number, revisions: number][] = [
    ['periodic', '1h', 3600_000, 0],
    ['periodic', '72', 72 * 3600_000, 0],
    ['periodic', '90s', 90_000, 0],
    ['periodic', '30m', 1800_000, 0],
    ['periodic', '0', 0, 0],
    ['revision', '10000', 0, 10_000],
    ['revision', '0', 0, 0],
  ];
  for (const [mode, text, compactionAgeMs, compactionRevisions] of cases) {
    assert.deepEqual(parseRetention(mode, text), { compactionAgeMs, compactionRevisions });
  }
});

void test('anything else is refused, and named', () => {
  for (const [mode, text] of [
    ['periodic', ''],
    ['periodic', '-1h'],
    ['periodic', '1d'],
    ['periodic', '1.5h'],
    ['revision', '1h'],
    ['revision', '2h'],
    ['revision', 'many'],
    ['periodic', '99999999999999h'],
  ] as const) {
    assert.throws(() => parseRetention(mode, text), UsageError);
    assert.throws(() => parseRetention(mode, text), /^UsageError: -auto-compaction-retention must be/);
  }
});
