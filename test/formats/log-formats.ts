import { encodeUtf8 } from '../../src/base/bytes.js';
import type { Command } from '../../src/fsm/command.js';
import { decodeCommandBatch, encodeCommandBatch } from '../../src/fsm/command-codec.js';
import { checkEntry } from '../../src/fsm/entry-check.js';
import type { MembershipUpdate } from '../../src/fsm/members/membership.js';
import { decodeMembershipUpdate, encodeMembershipUpdate } from '../../src/fsm/members/membership-codec.js';
import { decodeConfigChange, encodeConfigChange } from '../../src/raft/config-change.js';
import type { ConfigChange, Entry } from '../../src/raft/types.js';
import {
  asBuffer,
  decodeSegmentHeader,
  encodeSegmentHeader,
  logFormats,
  readRecord,
  RecordWriter,
  segmentHeaderSizeBytes,
  type LogFormat,
  type SegmentHeader,
  type WalRecord,
} from '../../src/storage/wal/format.js';
import type { Format } from './format.js';

const key = encodeUtf8('key');
const value = encodeUtf8('value');

/** One for each number in the log. */
export const commandSamples: Readonly<Record<string, Command>> = {
  put: { type: 'put', key, value, lease: 5n, previous: true },
  deleteRange: { type: 'delete-range', key, end: Uint8Array.of(0), previous: true },
  compact: { type: 'compact', revision: 300 },
  publish: { type: 'publish', id: 7n, name: 'node1', clientAddress: 'a:1', levels: { min: 1, max: 2 } },
  changeAddress: { type: 'change-address', id: 7n, peerAddress: 'a:2' },
  conditionalPut: { type: 'put', key, value, lease: 0n, previous: false, expectedModRevision: 9 },
  conditionalDelete: { type: 'delete-range', key, end: undefined, previous: false, expectedModRevision: 0 },
  raiseLevel: { type: 'raise-level', level: 2 },
};

const record = {
  ...{ id: 8n, name: 'node2', peerAddress: 'b:2', clientAddress: 'b:1', promoteWhenReady: true },
  levels: { min: 1, max: 2 },
};

const updateSamples: Readonly<Record<MembershipUpdate['type'], MembershipUpdate>> = {
  add: { type: 'add', record },
  remove: { type: 'remove', id: 8n },
  promote: { type: 'promote', id: 8n },
};

const changes: ConfigChange = {
  changes: [
    { kind: 'add-voter', id: 1n },
    { kind: 'add-learner', id: 2n },
    { kind: 'remove', id: 3n },
  ],
  context: Uint8Array.of(1, 2, 3),
};

function commandFormat(name: string, command: Command): Format {
  const batch = { proposer: 0x0102_0304_0506_0708n, sequence: 300, commands: [command] };
  return {
    name: `command ${name}`,
    level: 1,
    write: () => encodeCommandBatch(batch),
    read: (bytes) => {
      checkEntry('normal', bytes);
      return decodeCommandBatch(bytes);
    },
    value: batch,
  };
}

function updateFormat(update: MembershipUpdate): Format {
  return {
    name: `membership-update ${update.type}`,
    level: 1,
    write: () => encodeMembershipUpdate(update),
    read: decodeMembershipUpdate,
    value: update,
  };
}

const header: Omit<SegmentHeader, 'format'> = {
  ...{ clusterId: 77n, memberId: 7n, sequence: 3, previousIndex: 9, previousTerm: 2 },
  ...{ hardState: { term: 3, vote: 7n, commit: 8 }, previousCrc: 0xdead_beef, sizeBytesMin: 4096 },
};
const entries: readonly Entry[] = [
  { index: 10, term: 3, type: 'normal', data: value },
  { index: 11, term: 3, type: 'config', data: key },
  { index: 12, term: 3, type: 'empty', data: new Uint8Array(0) },
];
const records: readonly WalRecord[] = [
  { type: 'hard-state', state: header.hardState },
  ...entries.map((entry) => ({ type: 'entry', entry }) as const),
  { type: 'reset', index: 20, term: 4 },
];

function segment(format: LogFormat): Uint8Array {
  const writer = new RecordWriter();
  const place = { format, sequence: 3, position: segmentHeaderSizeBytes, batch: 1, crc: header.previousCrc };
  writer.begin(place);
  writer.hardState(header.hardState);
  for (const entry of entries) writer.entry(entry);
  writer.reset(20, 4);
  return Buffer.concat([encodeSegmentHeader({ ...header, format }), writer.bytes]);
}

function readSegment(bytes: Uint8Array): unknown {
  const read = decodeSegmentHeader('segment', bytes);
  if (read === undefined) throw new Error('no header');
  const found: WalRecord[] = [];
  let crc = read.previousCrc;
  for (let at = segmentHeaderSizeBytes; at < bytes.length;) {
    const next = readRecord(read.format, asBuffer(bytes), at, crc);
    if (next.kind !== 'record') throw new Error(next.kind);
    found.push(next.record);
    [at, crc] = [next.end, next.crc];
  }
  return { header: read, records: found };
}

export const logFormatSamples: readonly Format[] = [
  ...Object.entries(commandSamples).map(([name, command]) => commandFormat(name, command)),
  ...Object.values(updateSamples).map(updateFormat),
  {
    name: 'configuration change',
    level: 1,
    write: () => encodeConfigChange(changes),
    read: decodeConfigChange,
    value: changes,
  },
  ...logFormats.map((format) => ({
    name: `log segment of format ${format}`,
    level: 1,
    write: () => segment(format),
    read: readSegment,
    value: { header: { ...header, format }, records },
  })),
];
