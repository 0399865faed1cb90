import assert from 'node:assert/strict';
import { it } from 'node:test';
import { knownLevels } from '../../base/feature-levels.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import { initialState } from '../testing/initial-state.js';
import { MemberTable } from './member-table.js';

void it('has its members in the order of their ids, also after a restart', () => {
  const backend = new MemoryBackend();
  const [member] = initialState.members;
  const ids = [0x01_00n, 0x00_02n, 0xff_00_00_00_00_00_00_00n, 0x01_ffn];
  const members = ids.map((id) => ({ ...member!, id, name: `n${id}`, peerAddress: `n${id}:1` }));
  const table = new MemberTable(backend, knownLevels);
  table.initialise({ ...initialState, members });
  const sorted = [0x00_02n, 0x01_00n, 0x01_ffn, 0xff_00_00_00_00_00_00_00n];
  const order = ({ members: all }: MemberTable): bigint[] => all.map(({ id }) => id);
  assert.deepEqual(order(table), sorted);
  assert.deepEqual(order(new MemberTable(backend, knownLevels)), sorted);
});
