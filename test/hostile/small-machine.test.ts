import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { judge } from './bounds.js';
import { attackNamed, playAlone } from './lone-member.js';
import { MemoryGroup } from './memory-group.js';

/** What a shell gives a process on most machines. */
const descriptorsMax = 1024;
/** For the segments, snapshots and sockets that a member opens in the course of its work. */
const descriptorsKept = 32;

const groupBytes = 1024 ** 3;

describe('a member with 1024 descriptors', { skip: process.platform !== 'linux' }, () => {
  it('keeps those that it needs when 2,000 connections come', async (t) => {
    const launch = { prefix: ['prlimit', `--nofile=${descriptorsMax}:${descriptorsMax}`] };
    let most = 0;
    const outcome = await playAlone(t, launch, attackNamed('all-connections'), (pid) => {
      most = Math.max(most, readdirSync(`/proc/${pid}/fd`).length);
    });
    assert.deepEqual(judge(outcome), []);
    assert.ok(most <= descriptorsMax - descriptorsKept, `${most} descriptors were open`);
  });
});

describe('a member with 1 GiB of memory', () => {
  for (const name of [
    'unread-ranges',
    'whole-not-ended',
    'packed-messages',
    'unread-answers',
    'large-batches',
  ]) {
    const attack = attackNamed(name);
    it(`is not killed by who ${attack.does}`, async (t) => {
      const group = MemoryGroup.make(groupBytes);
      if (group === undefined) {
        t.skip('no control group can be made here');
        return;
      }
      try {
        const outcome = await playAlone(t, { prefix: group.prefix }, attack);
        assert.deepEqual(judge(outcome, attack.bounds), []);
      } finally {
        await group.remove();
      }
    });
  }
});
