import { checkMemberName, parseHostPort } from '../../src/base/address.js';
import { ByteReader } from '../../src/base/byte-stream.js';
import { echoed } from '../../src/base/echo.js';
import { decodeBatchRequest } from '../../src/api/kvstore/batch-request.js';
import {
  decodeDeleteRequest,
  decodeGetRequest,
  decodeSetRequest,
} from '../../src/api/kvstore/key-value-messages.js';
import { makeApiLimits } from '../../src/api/limits.js';
import { decodeMessage, type MessageType } from '../../src/api/message.js';
import { decodeAnyBatchResponse } from '../../src/client/any-batch-response.js';
import { readBatchResponse } from '../../src/client/batch-response.js';
import { parseEndpoints } from '../../src/client/options.js';
import { decodePair } from '../../src/cli/pair-lines.js';
import { decodeCommandBatch } from '../../src/fsm/command-codec.js';
import { checkEntry } from '../../src/fsm/entry-check.js';
import { decodeMembershipUpdate } from '../../src/fsm/members/membership-codec.js';
import { HealthCheckRequest } from '../../src/generated/grpc/health/v1/health.js';
import { ServerReflectionRequest } from '../../src/generated/grpc/reflection/v1/reflection.js';
import * as kvorum from '../../src/generated/kvorum.js';
import { JoinRequest } from '../../src/generated/kvstore.js';
import { HpackDecoder } from '../../src/grpc/hpack/decoder.js';
import { FrameParser as Http2FrameParser } from '../../src/grpc/http2/frame-parser.js';
import { areTrailers, readRequestFields } from '../../src/grpc/http2/request-fields.js';
import { readSettings } from '../../src/grpc/http2/settings.js';
import { IncomingMessages } from '../../src/grpc/incoming-messages.js';
import { MessageReader } from '../../src/grpc/message-reader.js';
import { hasMalformedBytes, toMetadata } from '../../src/grpc/metadata-fields.js';
import { percentEncode } from '../../src/grpc/status.js';
import { parseTimeout } from '../../src/grpc/timeout.js';
import { encodeFrame, FrameParser, frameSizeBytesMax } from '../../src/peer/frame.js';
import { decodeAnswer, decodeHello } from '../../src/peer/greeting.js';
import { CalleeHandshake } from '../../src/peer/handshake.js';
import { readMessage } from '../../src/peer/message-codec.js';
import { decodeTaken, PartAssembler } from '../../src/peer/message-parts.js';
import { decodeFromReceiver, decodeFromSender } from '../../src/peer/snapshot-frames.js';
import { decodeConfigChange } from '../../src/raft/config-change.js';

/** Something that reads what others send. */
export interface Parser {
  readonly name: string;
  /** May throw what it likes; must be done in time in proportion to the input. */
  readonly parse: (input: Buffer) => unknown;
  /** Ways to put content where the parser gets to see it; the content itself is one too. */
  readonly wraps?: readonly ((content: Buffer) => Buffer)[];
}

const limits = makeApiLimits();

/** An integer of protobuf and of LEB128. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function field(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(tag, ...varint(content.length)), content]);
}

/** A length in HPACK's form, behind seven bits of prefix. */
function hpackString(content: Buffer): Buffer {
  const length = content.length < 0x7f ? [content.length] : [0x7f, ...varint(content.length - 0x7f)];
  return Buffer.concat([Buffer.of(...length), content]);
}

function decodeHpack(input: Buffer): readonly string[] {
  const decoder = new HpackDecoder({ dynamicTableSizeBytesMax: 4096, headerListSizeBytesMax: 2 ** 20 });
  return decoder.decode(input, 0, input.length).fields;
}

function text(name: string, parse: (text: string) => unknown): Parser {
  return { name, parse: (input) => parse(input.toString('latin1')) };
}

function message(name: string, type: MessageType<unknown>): Parser {
  return {
    name: `message ${name}`,
    parse: (input) => decodeMessage(type, name, input),
    wraps: [0x0a, 0x12, 0x1a].map((tag) => (content: Buffer) => field(tag, content)),
  };
}

const ofClients: readonly Parser[] = [
  text('a field of a request', (value) => {
    const fields = ['x', value, 'x-bin', value, 'content-length', value, 'te', value, value, 'v'];
    readRequestFields([':method', 'POST', ':scheme', value, ':path', value, ...fields]);
    return areTrailers(fields);
  }),
  text('metadata in bytes', (value) => hasMalformedBytes(['x-bin', value]) || toMetadata(['x-bin', value])),
  text('metadata in text', (value) => toMetadata(['x', value])),
  text('grpc-timeout', parseTimeout),
  text('grpc-message', percentEncode),
  text('what is repeated', echoed),
  {
    name: 'header blocks',
    parse: decodeHpack,
    wraps: [
      (content) => Buffer.concat([Buffer.of(0x40, 1, 0x61), hpackString(content)]),
      (content) => Buffer.concat([Buffer.of(0x00), hpackString(content), Buffer.of(1, 0x61)]),
    ],
  },
  {
    name: 'frames',
    parse(input) {
      const parser = new Http2FrameParser(16_384);
      // Octet by octet, and at once.
      for (let at = 0; at < input.length; at++) {
        parser.push(input.subarray(at, at + 1));
        parser.run({ frame: () => true });
      }
      const whole = new Http2FrameParser(16_384);
      whole.push(input);
      return whole.run({ frame: () => true });
    },
  },
  { name: 'SETTINGS', parse: (input) => readSettings(input, 0, input.length - (input.length % 6), () => {}) },
  {
    name: 'messages of a stream',
    parse(input) {
      const reader = new MessageReader(2 ** 22);
      const waiting = new IncomingMessages(
        () => {},
        (bytes) => Promise.resolve(bytes),
      );
      reader.push(input, 0, input.length);
      for (let next = reader.next(); next !== undefined && 'bytes' in next; next = reader.next()) {
        waiting.push(next.bytes, false);
      }
      const messages = waiting[Symbol.asyncIterator]();
      for (let left = waiting.length; left > 0; left--) void messages.next();
      return waiting.length;
    },
  },
];

const ofRequests: readonly Parser[] = [
  {
    name: 'Batch',
    parse: (input) => decodeBatchRequest(input, limits),
    wraps: [
      (content) => field(0x0a, content),
      (content) => field(0x0a, field(0x0a, content)),
      (content) => field(0x0a, field(0x12, field(0x0a, content))),
    ],
  },
  { name: 'Set', parse: decodeSetRequest, wraps: [(content) => field(0x0a, content)] },
  { name: 'Get', parse: decodeGetRequest, wraps: [(content) => field(0x0a, content)] },
  { name: 'Delete', parse: decodeDeleteRequest, wraps: [(content) => field(0x0a, content)] },
  message('RangeRequest', kvorum.RangeRequest),
  message('BatchRequest', kvorum.BatchRequest),
  message('MemberRemoveRequest', kvorum.MemberRemoveRequest),
  message('MemberChangeAddressRequest', kvorum.MemberChangeAddressRequest),
  message('TransferLeaderRequest', kvorum.TransferLeaderRequest),
  message('JoinRequest', JoinRequest),
  message('HealthCheckRequest', HealthCheckRequest),
  message('ServerReflectionRequest', ServerReflectionRequest),
  text('an address', (value) => parseHostPort('address', value)),
  text('a name of a member', (value) => checkMemberName('name', value)),
];

const ofMembers: readonly Parser[] = [
  {
    name: 'frames of members',
    parse(input) {
      const parser = new FrameParser(frameSizeBytesMax);
      for (let at = 0; at < input.length; at += 7) {
        parser.push(input.subarray(at, at + 7));
        while (parser.next() !== undefined);
      }
    },
    wraps: [(content) => Buffer.from(encodeFrame((writer) => writer.raw(content)))],
  },
  {
    name: 'hello',
    parse: decodeHello,
    wraps: [(content) => Buffer.concat([Buffer.alloc(16, 1), content])],
  },
  {
    name: 'opening of a greeting',
    parse: (input) => new CalleeHandshake(new Uint8Array(32), new Uint8Array(32)).readOpening(input),
    wraps: [(content) => Buffer.concat([Buffer.from('KVRM\x02'), content])],
  },
  { name: 'entries of appends', parse: (input) => checkEntry('normal', input) },
  {
    name: 'answer to a hello',
    parse: decodeAnswer,
    wraps: [(content) => Buffer.concat([Buffer.of(1, 0), content])],
  },
  {
    name: 'messages of Raft',
    parse: (input) => readMessage(new ByteReader(input)),
    wraps: [3, 7, 12].map(
      (type) => (content: Buffer) => Buffer.concat([Buffer.of(type), Buffer.alloc(16), content]),
    ),
  },
  {
    name: 'parts of a message',
    parse: (input) => new PartAssembler().take(input),
    wraps: [
      (content) => Buffer.concat([Buffer.of(0, 0x80, 0x80, 0x04), content]),
      (content) => Buffer.concat([Buffer.of(255), content]),
    ],
  },
  {
    name: 'what a member has taken',
    parse: decodeTaken,
    wraps: [(content) => Buffer.concat([Buffer.of(4), content])],
  },
  {
    name: 'snapshots',
    parse: decodeFromSender,
    wraps: [1, 4, 5].map((type) => (content: Buffer) => Buffer.concat([Buffer.of(type), content])),
  },
  { name: 'answers to snapshots', parse: decodeFromReceiver, wraps: [(content) => field(4, content)] },
  {
    name: 'commands',
    parse: decodeCommandBatch,
    wraps: [
      (content) => Buffer.concat([Buffer.of(1), Buffer.alloc(9), Buffer.of(...varint(100_000)), content]),
    ],
  },
  { name: 'changes of membership', parse: decodeMembershipUpdate },
  { name: 'changes of configuration', parse: decodeConfigChange },
];

const ofServersAndUsers: readonly Parser[] = [
  {
    name: 'answers to a Batch',
    parse: (input) => readBatchResponse(input) ?? decodeAnyBatchResponse(input),
    wraps: [(content) => field(0x0a, content), (content) => field(0x0a, field(0x12, content))],
  },
  text('endpoints', parseEndpoints),
  text('a line of pairs', (line) => decodePair(line, 'tsv')),
  text('a line of pairs in JSON', (line) => decodePair(line, 'jsonl')),
];

/** Every parser of what comes from elsewhere. */
export const parsers: readonly Parser[] = [...ofClients, ...ofRequests, ...ofMembers, ...ofServersAndUsers];
