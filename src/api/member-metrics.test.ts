import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import { memberMetrics } from './member-metrics.js';
import { MapMember } from './testing/map-member.js';

void test('metrics of a member say how far the past goes back, and which feature level it is at', async () => {
  const member = new MapMember();
  const value = (name: string): number | undefined =>
    memberMetrics(member).find((each) => each.name === name)?.samples[0]?.value;
  assert.equal(value('kvorum_compact_revision'), 0);
  const put = {
    type: 'put',
    key: encodeUtf8('a'),
    value: encodeUtf8('1'),
    lease: 0n,
    previous: false,
  } as const;
  for (let count = 0; count < 3; count++) await member.write(put);
  await member.write({ type: 'compact', revision: 3 });
  assert.equal(value('kvorum_compact_revision'), 3);
  assert.equal(value('kvorum_revision'), 4);
  assert.equal(value('kvorum_feature_level'), member.status().featureLevel);
});
