import { crc32 } from 'node:zlib';
import { encodeUtf8 } from '../../src/base/bytes.js';
import { Work } from '../../src/base/work.js';
import type { Command } from '../../src/fsm/command.js';
import { encodeCommandBatch } from '../../src/fsm/command-codec.js';
import { encodeMembershipUpdate } from '../../src/fsm/members/membership-codec.js';
import { entryName, passedOverIn } from '../../src/fsm/passed-over.js';
import { StateMachine } from '../../src/fsm/state-machine.js';
import { tableNames, type TableRow } from '../../src/ports/backend.js';
import { encodeConfigChange } from '../../src/raft/config-change.js';
import type { Entry } from '../../src/raft/types.js';
import { MemoryBackend } from '../../src/storage/backend/memory-backend.js';
import { RowDecoder, rowSizeBytes, writeRow } from '../../src/storage/backend/row-stream.js';
import { checkedValue, withSum } from '../../src/storage/backend/row-sums.js';
import { decodeIdentity, encodeIdentity, type Identity } from '../../src/storage/data-folder/identity.js';
import { parsePassedOver, passedOverText } from '../../src/storage/data-folder/passed-over-file.js';
import type { Format } from './format.js';
import { commandSamples } from './log-formats.js';

const levels = { min: 1, max: 2 };
const node1 = {
  id: 7n,
  name: 'node1',
  peerAddress: 'a:2',
  clientAddress: 'a:1',
  promoteWhenReady: false,
  levels,
};
const node2 = {
  id: 8n,
  name: 'node2',
  peerAddress: 'b:2',
  clientAddress: '',
  promoteWhenReady: true,
  levels,
};
const emptyConfig = { voters: [7n], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const poison = { index: 5, term: 1, type: 'normal', data: Uint8Array.of(1, 2, 3) } as const;
const put = (key: string, value: string): Command => ({
  ...commandSamples.put,
  type: 'put',
  key: encodeUtf8(key),
  value: encodeUtf8(value),
  lease: 5n,
  previous: false,
});

const history: readonly Omit<Entry, 'index' | 'term'>[] = [
  { type: 'normal', data: batch(put('a', '1'), put('b', '2'), put('a', '3')) },
  {
    type: 'config',
    data: encodeConfigChange({
      changes: [{ kind: 'add-learner', id: 8n }],
      context: encodeMembershipUpdate({ type: 'add', record: node2 }),
    }),
  },
  {
    type: 'config',
    data: encodeConfigChange({
      changes: [{ kind: 'remove', id: 8n }],
      context: encodeMembershipUpdate({ type: 'remove', id: 8n }),
    }),
  },
  poison,
  {
    type: 'normal',
    data: batch(
      { type: 'delete-range', key: encodeUtf8('b'), end: undefined, previous: false },
      put('c', '4'),
    ),
  },
  { type: 'normal', data: batch({ type: 'compact', revision: 3 }) },
];

const deletion: Entry = {
  ...{ index: history.length + 2, term: 1, type: 'normal' },
  data: batch({ type: 'delete-range', key: Uint8Array.of(0), end: Uint8Array.of(0), previous: false }),
};

function batch(...commands: Command[]): Uint8Array {
  return encodeCommandBatch({ proposer: 1n, sequence: 1, commands });
}

/** All rows of a state that was made by commands of every kind of row, the last one half-way. */
function state(): Uint8Array {
  const backend = new MemoryBackend();
  const initial = { clusterId: 77n, config: emptyConfig, members: [node1], featureLevel: 1 };
  StateMachine.initialise(backend, initial, { index: 1, term: 1 });
  const machine = new StateMachine(backend, undefined, [{ ...entryName(poison), tried: true }]);
  for (const [at, entry] of history.entries()) machine.apply({ ...entry, index: at + 2, term: 1 });
  machine.commit();
  machine.compactSlice(new Work());
  // Half of it.
  machine.apply(deletion, new Work(6));
  machine.commit();
  return rowsIn(
    tableNames.flatMap((table) => [...backend.range(table, {})].map((row) => ({ ...row, table }))),
  );
}

/** As they stand in the chunks of a snapshot. */
function rowsIn(rows: readonly TableRow[]): Uint8Array {
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + rowSizeBytes(row), 0));
  rows.reduce((at, row) => writeRow(bytes, at, row), 0);
  return bytes;
}

function rowsOf(bytes: Uint8Array): TableRow[] {
  return new RowDecoder().push({ number: 1, bytes, sum: crc32(bytes) });
}

function readState(bytes: Uint8Array): unknown {
  const backend = new MemoryBackend();
  for (const { table, key, value } of rowsOf(bytes)) backend.put(table, key, value);
  backend.commit({ index: 7, term: 1 });
  const machine = new StateMachine(backend);
  const all = { key: Uint8Array.of(0), end: Uint8Array.of(0), limit: 0 };
  const texts = (revision: number): readonly string[] =>
    machine
      .range({ ...all, revision })
      .items.map(
        ({ key, value, modRevision }) =>
          `${Buffer.from(key).toString()}=${Buffer.from(value).toString()} at ${modRevision}`,
      );
  const seen = { now: texts(0), before: texts(4), revision: machine.revision };
  const applied = machine.apply(deletion);
  return {
    ...seen,
    after: { items: texts(0), revision: machine.revision, result: applied?.batch?.results[0] },
    clusterId: machine.clusterId,
    members: machine.members(),
    removed: [...machine.removedMembers()],
    config: machine.config,
    configIndex: machine.configIndex,
    featureLevel: machine.featureLevel,
    passedOver: passedOverIn(backend),
    compactRevision: machine.compactRevision,
  };
}

/** A row of each table: what its number and its place in a snapshot are. */
const tableFormats: readonly Format[] = tableNames.map((table) => {
  const row = { table, key: Uint8Array.of(1, 2), value: Uint8Array.of(3) };
  return {
    name: `table ${table}`,
    level: 1,
    write: () => rowsIn([row]),
    read: (bytes) => rowsOf(bytes)[0],
    value: row,
  };
});

const identity: Identity = {
  ...{ clusterId: 77n, memberId: 7n, name: 'node1', state: 'learning' },
  secret: new Uint8Array(32).fill(5),
};
const passedOver = [{ index: 5, term: 2, checksum: 7, tried: true }];
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

export const stateFormatSamples: readonly Format[] = [
  ...tableFormats,
  {
    name: 'state',
    level: 1,
    write: state,
    read: readState,
    value: {
      ...{
        clusterId: 77n,
        members: [node1],
        removed: [8n],
        config: emptyConfig,
        configIndex: 4,
        featureLevel: 1,
      },
      ...{ passedOver: [entryName(poison)], revision: 6, compactRevision: 3 },
      now: ['a=3 at 4', 'c=4 at 6'],
      before: ['a=3 at 4', 'b=2 at 3'],
      after: {
        items: [],
        revision: 7,
        result: { type: 'delete-range', revision: 7, deletedCount: 2, previous: [] },
      },
    },
  },
  {
    name: 'row with its sum',
    level: 1,
    write: () => withSum(encodeUtf8('key'), encodeUtf8('value')),
    read: (bytes) => checkedValue(encodeUtf8('key'), bytes),
    value: encodeUtf8('value'),
  },
  {
    name: 'file identity.json',
    level: 1,
    write: () => encodeUtf8(encodeIdentity(identity)),
    read: (bytes) => decodeIdentity('identity.json', text(bytes)),
    value: identity,
  },
  {
    name: 'file identity.json with a start epoch',
    level: 1,
    write: () => encodeUtf8(encodeIdentity({ ...identity, startEpoch: 1_700_000_000_000 })),
    read: (bytes) => decodeIdentity('identity.json', text(bytes)),
    value: { ...identity, startEpoch: 1_700_000_000_000 },
  },
  {
    name: 'file passed-over.json',
    level: 1,
    write: () => encodeUtf8(passedOverText(passedOver)),
    read: (bytes) => parsePassedOver('passed-over.json', text(bytes)),
    value: passedOver,
  },
  {
    // Of a snapshot in a file: a start removes it, whatever it says.
    name: 'file incoming.json',
    level: 1,
    superseded: true,
    write: () => new Uint8Array(0),
    read: () => 'removed',
    value: 'removed',
  },
];
