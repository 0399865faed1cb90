import assert from 'node:assert/strict';
import { ByteReader, ByteWriter, MalformedBytesError } from '../../src/base/byte-stream.js';
import { encodeUtf8 } from '../../src/base/bytes.js';
import { encodeFrame, FrameParser, greetingSizeBytesMax } from '../../src/peer/frame.js';
import {
  decodeAnswer,
  decodeHello,
  encodeHello,
  writeAnswer,
  type Answer,
  type Hello,
} from '../../src/peer/greeting.js';
import { CalleeHandshake, CallerHandshake } from '../../src/peer/handshake.js';
import { readMessage, writeMessage } from '../../src/peer/message-codec.js';
import { decodeTaken, encodePart, encodeTaken, PartAssembler } from '../../src/peer/message-parts.js';
import {
  decodeFromReceiver,
  decodeFromSender,
  encodeFromReceiver,
  encodeFromSender,
  type FromReceiver,
  type FromSender,
} from '../../src/peer/snapshot-frames.js';
import { refusalCodes } from '../../src/ports/peers.js';
import type { ClusterConfig, Entry, Message, MessageType } from '../../src/raft/types.js';
import type { Format } from './format.js';

const envelope = { from: 7n, to: 8n, term: 300 };
const config: ClusterConfig = {
  voters: [7n, 8n],
  votersOutgoing: [9n],
  learners: [10n],
  learnersNext: [11n],
  autoLeave: true,
};
const snapshot = { index: 500, term: 4, config, configIndex: 400 };
const data = encodeUtf8('data');
const entries: readonly Entry[] = (['normal', 'config', 'empty'] as const).map((type, at) => ({
  ...{ index: 501 + at, term: 5, type },
  data: type === 'empty' ? new Uint8Array(0) : data,
}));

/** One of each, in the fields that `read` gives back. */
export const messageSamples: Readonly<Record<MessageType, Message>> = {
  'vote-request': {
    ...envelope,
    type: 'vote-request',
    preVote: true,
    transfer: false,
    lastIndex: 500,
    lastTerm: 4,
  },
  'vote-response': { ...envelope, type: 'vote-response', preVote: false, granted: true },
  append: { ...envelope, type: 'append', previousIndex: 500, previousTerm: 4, commit: 499, entries },
  'append-response': {
    ...envelope,
    type: 'append-response',
    index: 500,
    rejected: true,
    hintIndex: 450,
    hintTerm: 3,
  },
  heartbeat: { ...envelope, type: 'heartbeat', commit: 499, readRound: 6, leaseReads: true },
  'heartbeat-response': { ...envelope, type: 'heartbeat-response', readRound: 6 },
  snapshot: { ...envelope, type: 'snapshot', snapshot },
  'timeout-now': { ...envelope, type: 'timeout-now' },
  'transfer-leader': { ...envelope, type: 'transfer-leader', target: 9n },
  'read-index': { ...envelope, type: 'read-index', context: 12 },
  'read-index-response': { ...envelope, type: 'read-index-response', context: 12, index: 499 },
  propose: {
    ...envelope,
    type: 'propose',
    proposalId: 13,
    entryType: 'config',
    configIndex: 400,
    behindId: 0,
    data,
  },
  'propose-response': {
    ...envelope,
    type: 'propose-response',
    proposalId: 13,
    outcome: { kind: 'dropped', reason: 'overloaded' },
  },
};

function messageFormat(message: Message): Format {
  return {
    name: `message ${message.type}`,
    level: 1,
    write: () => {
      const writer = new ByteWriter();
      writeMessage(writer, message);
      return writer.finish();
    },
    read: (bytes) => readMessage(new ByteReader(bytes)),
    value: message,
  };
}

const secret = new Uint8Array(32).fill(5);
const [callerNonce, calleeNonce] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const hello: Hello = {
  caller: { clusterId: 77n, memberId: 7n, name: 'node1', address: 'a:2' },
  target: 8n,
  purpose: 'snapshot',
};

const started: Hello = { ...hello, caller: { ...hello.caller, startEpoch: 1_700_000_000_000 } };

function payloadOf(frame: Uint8Array): Uint8Array {
  const parser = new FrameParser(greetingSizeBytesMax);
  parser.push(frame);
  return new Uint8Array(parser.next()!);
}

/** That the samples were written with. */
const versions = { min: 3, max: 3 };

/** All that two members say when they meet, without frames; each is proven over those before it. */
function meeting(said = hello): Readonly<Record<'opening' | 'challenge' | 'claims' | 'answer', Uint8Array>> {
  const caller = new CallerHandshake(secret, callerNonce, said, versions);
  const callee = new CalleeHandshake(secret, calleeNonce, versions);
  const opening = payloadOf(caller.opening());
  const challenge = payloadOf(callee.readOpening(opening).challenge);
  const step = caller.take(challenge);
  if (!('say' in step)) throw new Error('no claims');
  const claims = payloadOf(step.say);
  callee.readClaims(claims);
  return { opening, challenge, claims, answer: payloadOf(callee.answer({ welcome: true })) };
}

function answerFormat(answer: Answer): Format {
  return {
    name: answer.welcome ? 'answer welcome' : `answer ${answer.code}`,
    level: 1,
    write: () => {
      const writer = new ByteWriter();
      writeAnswer(writer, answer);
      return writer.finish();
    },
    read: decodeAnswer,
    value: answer,
  };
}

function greetingFormats(): readonly Format[] {
  const said = meeting();
  const callee = (): CalleeHandshake => new CalleeHandshake(secret, calleeNonce);
  return [
    {
      name: 'greeting opening',
      level: 1,
      write: () => said.opening,
      read: (bytes) => callee().readOpening(bytes).callerNonce,
      value: callerNonce,
    },
    {
      name: 'greeting opening with a start epoch',
      level: 1,
      write: () => meeting(started).opening,
      read: (bytes) => callee().readOpening(bytes).callerNonce,
      value: callerNonce,
    },
    {
      name: 'answer welcome with a start epoch',
      level: 1,
      write: () => {
        const writer = new ByteWriter();
        writeAnswer(writer, { welcome: true, startEpoch: 1_700_000_000_000 });
        return writer.finish();
      },
      read: decodeAnswer,
      value: { welcome: true, startEpoch: 1_700_000_000_000 },
    },
    {
      name: 'greeting challenge',
      level: 1,
      write: () => said.challenge,
      // Proven over the opening, with the versions that were spoken then.
      read: (bytes) => new ByteReader(new ByteReader(bytes, 1).bytes(), 1).raw(32),
      value: calleeNonce,
    },
    { name: 'greeting claims', level: 1, write: () => encodeHello(hello), read: decodeHello, value: hello },
  ];
}

/** The two parts of a long message, each with what it leaves to be read. */
function partFormats(): readonly Format[] {
  const writer = new ByteWriter();
  writeMessage(writer, messageSamples.append);
  const whole = writer.finish();
  const half = 20;
  const part = (position: number): Uint8Array => payloadOf(encodePart(whole, position, half));
  const rest = payloadOf(encodePart(whole, half, whole.length - half));
  const readAll = (...parts: readonly Uint8Array[]): Message => {
    const assembler = new PartAssembler();
    const [bytes] = parts.map((each) => assembler.take(each)).filter((each) => each !== undefined);
    return readMessage(new ByteReader(bytes!));
  };
  return [
    {
      name: 'part first',
      level: 1,
      write: () => part(0),
      read: (bytes) => readAll(bytes, rest),
      value: messageSamples.append,
    },
    {
      name: 'part next',
      level: 1,
      write: () => rest,
      read: (bytes) => readAll(part(0), bytes),
      value: messageSamples.append,
    },
    {
      name: 'answer taken',
      level: 1,
      write: () => payloadOf(encodeTaken(70_000)),
      read: decodeTaken,
      value: 70_000,
    },
  ];
}

const offer = { id: 99n, sizeBytesEstimated: 1000, featureLevel: 1, meta: snapshot };
const fromSender: readonly FromSender[] = [
  { type: 'offer', offer },
  { type: 'chunk', chunk: { number: 300, sum: 0xdead_beef, bytes: data } },
  { type: 'end', end: { chunks: 300, sum: 0xdead_beef, rows: 1000 } },
  { type: 'alive' },
];
const fromReceiver: readonly FromReceiver[] = [
  { type: 'go-on', place: { chunks: 300, sum: 0xdead_beef } },
  { type: 'progress', chunks: 300 },
  { type: 'alive' },
];
/** An earlier version hears and says these, too. */
const sinceFiles: readonly FromReceiver[] = [
  { type: 'not-wanted' },
  { type: 'taken' },
  { type: 'damaged', reason: 'why' },
  { type: 'refused', reason: 'why' },
];
/** Of a file: whoever says so is refused, with the reason. */
const ofFiles = ['offer', 'chunk', 'end'].map((type) => refusedFormat(type, decodeFromSender));

function refusedFormat(type: string, decode: (bytes: Uint8Array) => unknown): Format {
  return {
    name: `snapshot frame ${type}`,
    level: 1,
    superseded: true,
    write: () => new Uint8Array(0),
    read: (bytes) => {
      assert.throws(() => decode(bytes), MalformedBytesError);
      return 'refused';
    },
    value: 'refused',
  };
}

export const peerFormatSamples: readonly Format[] = [
  ...Object.values(messageSamples).map(messageFormat),
  ...greetingFormats(),
  answerFormat({ welcome: true }),
  ...refusalCodes.map((code) =>
    answerFormat({
      ...{ welcome: false, code, reason: 'why' },
      ...(code === 'wrong-version' ? { versions: { min: 3, max: 4 } } : {}),
    }),
  ),
  ...ofFiles,
  refusedFormat('go-on', decodeFromReceiver),
  ...fromSender.map((said) => ({
    name: `snapshot stream ${said.type}`,
    level: 1,
    write: () => payloadOf(encodeFromSender(said)),
    read: decodeFromSender,
    value: said,
  })),
  ...[...fromReceiver, ...sinceFiles].map((said) => ({
    name: sinceFiles.includes(said) ? `snapshot frame ${said.type}` : `snapshot answer ${said.type}`,
    level: 1,
    write: () => payloadOf(encodeFromReceiver(said)),
    read: decodeFromReceiver,
    value: said,
  })),
  ...partFormats(),
  {
    name: 'frame',
    level: 1,
    write: () => encodeFrame((writer) => writer.raw(data)),
    read: payloadOf,
    value: data,
  },
];
