import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompactionPolicy } from './compaction-policy.js';

void test('what was replaced longer ago than the age may go, to a tenth of it', () => {
  const policy = new CompactionPolicy({ compactionAgeMs: 1000, compactionRevisions: 0 });
  for (let at = 0; at < 5000; at += 10) {
    const due = policy.due(at, at);
    assert.ok(due <= Math.max(0, at - 1000), `${due} at ${at}: younger than it may be`);
    assert.ok(due >= at - 1110, `${due} at ${at}: kept too long`);
  }
});

void test('nothing is due while nothing is written, nor behind a start', () => {
  const policy = new CompactionPolicy({ compactionAgeMs: 1000, compactionRevisions: 0 });
  assert.equal(policy.due(50_000, 7), 0);
  assert.equal(policy.due(50_999, 9), 0);
  assert.equal(policy.due(51_000, 9), 7);
  assert.equal(policy.due(99_000, 9), 9);
  assert.equal(policy.due(99_001, 9), 9);
});

void test('so many of the newest revisions are kept, in steps of a tenth', () => {
  const policy = new CompactionPolicy({ compactionAgeMs: 0, compactionRevisions: 100 });
  const dues = new Set<number>();
  for (let revision = 1; revision <= 1000; revision++) {
    const due = policy.due(revision, revision);
    dues.add(due);
    assert.ok(revision - due >= Math.min(100, revision) && revision - due < 110);
  }
  assert.equal(dues.size, 91);
});

void test('both rules may be off', () => {
  const policy = new CompactionPolicy({ compactionAgeMs: 0, compactionRevisions: 0 });
  for (let at = 0; at < 10; at++) assert.equal(policy.due(at * 1e9, at * 1000), 0);
});
