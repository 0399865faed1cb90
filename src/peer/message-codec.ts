import { unreachable } from '../base/assert.js';
import { MalformedBytesError, type ByteReader, type ByteWriter } from '../base/byte-stream.js';
import { emptyBytes } from '../base/bytes.js';
import type { MemberId, Term } from '../base/ids.js';
import type { DropReason, Entry, EntryType, Message, MessageType, ProposalOutcome } from '../raft/types.js';
import { protocolVersions } from './protocol-versions.js';
import { readSnapshotMeta, writeSnapshotMeta } from './snapshot-meta-codec.js';

/** The bytes begin with a type this version does not know: the sender speaks a newer protocol. */
export class UnknownMessageTypeError extends MalformedBytesError {
  readonly typeByte: number;

  constructor(typeByte: number) {
    super(`unknown message type ${typeByte}`);
    this.typeByte = typeByte;
  }
}

/** Numbers on the wire. They never change; a new message gets a new one. */
export const typeBytes = {
  'vote-request': 1,
  'vote-response': 2,
  append: 3,
  'append-response': 4,
  heartbeat: 5,
  'heartbeat-response': 6,
  snapshot: 7,
  'timeout-now': 8,
  'transfer-leader': 9,
  'read-index': 10,
  'read-index-response': 11,
  propose: 12,
  'propose-response': 13,
} as const satisfies Record<MessageType, number>;

/** From which version of the protocol on each is understood. */
export const messageVersions = {
  'vote-request': 3,
  'vote-response': 3,
  append: 3,
  'append-response': 3,
  heartbeat: 3,
  'heartbeat-response': 3,
  snapshot: 3,
  'timeout-now': 3,
  'transfer-leader': 3,
  'read-index': 3,
  'read-index-response': 3,
  propose: 3,
  'propose-response': 3,
} as const satisfies Record<MessageType, number>;

/**
 * Those that whoever speaks `version` understands. The others are as good as lost, as Raft allows for any: it would close
 * the connection. Whoever sends a new message asks the feature level first, so there are none as a rule.
 */
export function speakable(messages: readonly Message[], version: number): readonly Message[] {
  if (version === protocolVersions.max) return messages;
  return messages.filter(({ type }) => messageVersions[type] <= version);
}

const typesByByte = new Map<number, MessageType>(
  Object.entries(typeBytes).map(([type, byte]) => [byte, type as MessageType]),
);

const entryTypes: readonly EntryType[] = ['normal', 'config', 'empty'];
const dropReasons: readonly DropReason[] = [
  'no-leader',
  'overloaded',
  'config-conflict',
  'quorum-would-be-lost',
  'invalid-config',
  'learner-behind',
];

/** What each entry takes at least on the wire: its term, type and length. */
const entrySizeBytesMin = 3;

/**
 * An append holds 1 MiB of entries (`messageEntriesSizeBytesMax`), or one larger, and each counts 24 bytes beside its
 * data. Millions of empty ones would keep this member for seconds.
 */
export const entriesPerAppendMax = 65_536;

/** An upper bound of what the message takes, for filling queues; not exact. */
export function messageSizeBytes(message: Message): number {
  switch (message.type) {
    case 'append': {
      let sizeBytes = 64;
      for (const entry of message.entries) sizeBytes += 16 + entry.data.length;
      return sizeBytes;
    }
    case 'propose':
      return 64 + message.data.length;
    case 'snapshot': {
      const { voters, votersOutgoing, learners, learnersNext } = message.snapshot.config;
      return 96 + 8 * (voters.length + votersOutgoing.length + learners.length + learnersNext.length);
    }
    default:
      return 64;
  }
}

/** Type byte, sender, receiver, term, then the type's fields. */
export function writeMessage(writer: ByteWriter, message: Message): void {
  writer.uint8(typeBytes[message.type]).uint64(message.from).uint64(message.to).varint(message.term);
  switch (message.type) {
    case 'vote-request':
      writer.boolean(message.preVote).boolean(message.transfer);
      writer.varint(message.lastIndex).varint(message.lastTerm);
      return;
    case 'vote-response':
      writer.boolean(message.preVote).boolean(message.granted);
      return;
    case 'append':
      writer.varint(message.previousIndex).varint(message.previousTerm).varint(message.commit);
      writeEntries(writer, message.previousIndex, message.entries);
      return;
    case 'append-response':
      writer.varint(message.index).boolean(message.rejected);
      writer.varint(message.hintIndex).varint(message.hintTerm);
      return;
    case 'heartbeat':
      writer.varint(message.commit).varint(message.readRound).boolean(message.leaseReads);
      return;
    case 'heartbeat-response':
      writer.varint(message.readRound);
      return;
    case 'snapshot':
      writeSnapshotMeta(writer, message.snapshot);
      return;
    case 'timeout-now':
      return;
    case 'transfer-leader':
      writer.uint64(message.target);
      return;
    case 'read-index':
      writer.varint(message.context);
      return;
    case 'read-index-response':
      writer.varint(message.context).varint(message.index);
      return;
    case 'propose': {
      const isConfig = message.entryType === 'config';
      writer.varint(message.proposalId).uint8(entryTypes.indexOf(message.entryType));
      writer.varint(isConfig ? message.configIndex : message.behindId).bytes(message.data);
      return;
    }
    case 'propose-response':
      writer.varint(message.proposalId);
      writeOutcome(writer, message.outcome);
      return;
    default:
      unreachable(message);
  }
}

/**
 * Reads one message. Data of entries and proposals is copied, so that it does not hold on to the bytes read
 * from.
 *
 * @throws MalformedBytesError, UnknownMessageTypeError
 */
export function readMessage(reader: ByteReader): Message {
  const typeByte = reader.uint8();
  const type = typesByByte.get(typeByte);
  if (type === undefined) throw new UnknownMessageTypeError(typeByte);
  const from = reader.uint64();
  const to = reader.uint64();
  const term = reader.varint();
  // Each field by its name: objects that are spread into others are slow to make, and this is read for each message.
  switch (type) {
    case 'vote-request': {
      const [preVote, transfer] = [reader.boolean(), reader.boolean()];
      return {
        type,
        from,
        to,
        term,
        preVote,
        transfer,
        lastIndex: reader.varint(),
        lastTerm: reader.varint(),
      };
    }
    case 'vote-response':
      return { type, from, to, term, preVote: reader.boolean(), granted: reader.boolean() };
    case 'append':
      return readAppend(reader, from, to, term);
    case 'append-response': {
      const index = reader.varint();
      const rejected = reader.boolean();
      return { type, from, to, term, index, rejected, hintIndex: reader.varint(), hintTerm: reader.varint() };
    }
    case 'heartbeat': {
      const commit = reader.varint();
      return { type, from, to, term, commit, readRound: reader.varint(), leaseReads: reader.boolean() };
    }
    case 'heartbeat-response':
      return { type, from, to, term, readRound: reader.varint() };
    case 'snapshot':
      return { type, from, to, term, snapshot: readSnapshotMeta(reader) };
    case 'timeout-now':
      return { type, from, to, term };
    case 'transfer-leader':
      return { type, from, to, term, target: reader.uint64() };
    case 'read-index':
      return { type, from, to, term, context: reader.varint() };
    case 'read-index-response':
      return { type, from, to, term, context: reader.varint(), index: reader.varint() };
    case 'propose': {
      const proposalId = reader.varint();
      const entryType = readEntryType(reader);
      if (entryType === 'empty') throw new MalformedBytesError('a proposal cannot be empty');
      const reference = reader.varint();
      const [configIndex, behindId] = entryType === 'config' ? [reference, 0] : [0, reference];
      return { type, from, to, term, proposalId, entryType, configIndex, behindId, data: readData(reader) };
    }
    case 'propose-response':
      return { type, from, to, term, proposalId: reader.varint(), outcome: readOutcome(reader) };
    default:
      return unreachable(type);
  }
}

/** Entries stand at consecutive indexes after `previousIndex`, so the indexes are not sent. */
function writeEntries(writer: ByteWriter, previousIndex: number, entries: readonly Entry[]): void {
  writer.varint(entries.length);
  let expected = previousIndex;
  for (const entry of entries) {
    expected++;
    if (entry.index !== expected) throw new RangeError(`entry ${entry.index} stands where ${expected} must`);
    writer.varint(entry.term).uint8(entryTypes.indexOf(entry.type)).bytes(entry.data);
  }
}

function readAppend(
  reader: ByteReader,
  from: MemberId,
  to: MemberId,
  term: Term,
): Extract<Message, { type: 'append' }> {
  const previousIndex = reader.varint();
  const previousTerm = reader.varint();
  const commit = reader.varint();
  const count = reader.varint();
  if (count > entriesPerAppendMax) throw new MalformedBytesError(`${count} entries in one append`);
  if (count * entrySizeBytesMin > reader.remaining) {
    throw new MalformedBytesError(`${count} entries announced, ${reader.remaining} bytes left`);
  }
  if (previousIndex + count > Number.MAX_SAFE_INTEGER) throw new MalformedBytesError('index beyond 2^53');
  const entries: Entry[] = [];
  for (let index = previousIndex + 1; index <= previousIndex + count; index++) {
    entries.push({ index, term: reader.varint(), type: readEntryType(reader), data: readData(reader) });
  }
  return { type: 'append', from, to, term, previousIndex, previousTerm, commit, entries };
}

function readEntryType(reader: ByteReader): EntryType {
  const byte = reader.uint8();
  const type = entryTypes[byte];
  if (type === undefined) throw new MalformedBytesError(`unknown entry type ${byte}`);
  return type;
}

function readData(reader: ByteReader): Uint8Array {
  const view = reader.bytes();
  // Not slice(): a Buffer's slice() is a view.
  return view.length === 0 ? emptyBytes : new Uint8Array(view);
}

function writeOutcome(writer: ByteWriter, outcome: ProposalOutcome): void {
  if (outcome.kind === 'appended') {
    writer.uint8(0).varint(outcome.term).varint(outcome.index);
  } else {
    writer.uint8(1).uint8(dropReasons.indexOf(outcome.reason));
  }
}

function readOutcome(reader: ByteReader): ProposalOutcome {
  const kind = reader.uint8();
  if (kind === 0) return { kind: 'appended', term: reader.varint(), index: reader.varint() };
  if (kind !== 1) throw new MalformedBytesError(`unknown outcome ${kind}`);
  const byte = reader.uint8();
  const reason = dropReasons[byte];
  if (reason === undefined) throw new MalformedBytesError(`unknown reason ${byte}`);
  return { kind: 'dropped', reason };
}
