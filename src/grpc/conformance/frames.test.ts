import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, connectionErrors, streamErrors } from '../testing/cases.js';
import { echoServer, grpcFields, openStream, paths } from '../testing/echo-server.js';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  frame,
  grpcMessage,
  PADDED,
  PRIORITY,
  priorityFields,
  uint32,
  type FrameType,
} from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';

const server = echoServer();
const frameSizeBytesMax = 16_384;

describe('RFC 9113, 4.1: frame format', () => {
  accepted(server, {
    'frames of unknown types are passed over': (client) => {
      for (let type = 0x0a; type < 0x100; type++) client.frame(type, 0xff, type % 2, Buffer.alloc(type % 9));
    },
    'an unknown frame on an idle stream': (client) => client.frame(0x0b, 0, 7),
    'unused flags of PING': (client) => client.frame('PING', 0xfe, 0, Buffer.alloc(8)),
    'unused flags of SETTINGS': (client) => client.frame('SETTINGS', 0xfe, 0),
    'unused flags of PRIORITY': (client) => client.frame('PRIORITY', 0xff, 1, priorityFields(0)),
    'unused flags of WINDOW_UPDATE': (client) => client.frame('WINDOW_UPDATE', 0xff, 0, uint32(1)),
    'the reserved bit of the stream identifier': (client) =>
      client.frame('PING', 0, 0x8000_0000, Buffer.alloc(8)),
    'the reserved bit of a window increment': (client) =>
      client.frame('WINDOW_UPDATE', 0, 0, uint32(0x8000_0001)),
    'unused flags of RST_STREAM': (client) => {
      openStream(client, 1);
      client.frame('RST_STREAM', 0xff, 1, uint32(8));
    },
    'unused flags of GOAWAY': (client) => {
      openStream(client, 1);
      client.frame('GOAWAY', 0xff, 0, Buffer.alloc(8));
    },
  });

  void test('unused flags of HEADERS, CONTINUATION and DATA, and the reserved bit, do not change a call', async () => {
    const client = await RawClient.ready(server.port);
    const block = client.block(grpcFields(paths.unary));
    const reserved = 0x8000_0001;
    client.frame(
      'HEADERS',
      0xff & ~(END_STREAM | END_HEADERS | PADDED | PRIORITY),
      reserved,
      block.subarray(0, 5),
    );
    client.frame('CONTINUATION', 0xff & ~END_HEADERS, reserved, block.subarray(5, 9));
    client.frame('CONTINUATION', 0xff, reserved, block.subarray(9));
    client.frame('DATA', 0xff & ~PADDED, reserved, grpcMessage(Buffer.from('flags')));
    assert.deepEqual((await client.response(1)).data, grpcMessage(Buffer.from('flags')));
    await client.close();
  });
});

describe('RFC 9113, 4.2: frame size', () => {
  void test('DATA of 2^14 octets', async () => {
    const client = await RawClient.ready(server.port);
    const message = Buffer.alloc(frameSizeBytesMax - 5, 'm');
    client.call(1, grpcFields(paths.unary), message);
    assert.deepEqual((await client.response(1)).data, grpcMessage(message));
    await client.close();
  });

  void test('HEADERS of 2^14 octets', async () => {
    const client = await RawClient.ready(server.port);
    const block = client.block(grpcFields(paths.unary));
    // A size update of one octet, again and again: a block may be long without a long header list.
    const padding = Buffer.alloc(frameSizeBytesMax - block.length, 0x20);
    client.frame('HEADERS', END_HEADERS, 1, Buffer.concat([padding, block]));
    client.data(1, grpcMessage(Buffer.from('long')), END_STREAM);
    assert.deepEqual((await client.response(1)).data, grpcMessage(Buffer.from('long')));
    await client.close();
  });

  const over = Buffer.alloc(frameSizeBytesMax + 1);
  const types: FrameType[] = [
    'HEADERS',
    'PRIORITY',
    'RST_STREAM',
    'SETTINGS',
    'PUSH_PROMISE',
    'PING',
    'GOAWAY',
  ];
  connectionErrors(server, 'FRAME_SIZE_ERROR', {
    'DATA of 2^14 + 1 octets': (client) => {
      openStream(client, 1);
      client.data(1, over);
    },
    'CONTINUATION of 2^14 + 1 octets': (client) => {
      client.frame('HEADERS', 0, 1, client.block(grpcFields(paths.unary)));
      client.frame('CONTINUATION', END_HEADERS, 1, over);
    },
    ...Object.fromEntries(
      types.map((type) => [
        `${type} of 2^14 + 1 octets`,
        (client: RawClient) => client.frame(type, 0, type === 'HEADERS' ? 1 : 0, over),
      ]),
    ),
    'an unknown frame of 2^14 + 1 octets': (client) => client.frame(0xee, 0, 0, over),
    'a length of 2^24 - 1, as soon as the frame header is there': (client) =>
      client.write(frame('DATA', 0, 1, new Uint8Array(0), 0xff_ffff)),
  });

  connectionErrors(server, 'FRAME_SIZE_ERROR', {
    'PING of 7 octets': (client) => client.frame('PING', 0, 0, Buffer.alloc(7)),
    'PING of 9 octets': (client) => client.frame('PING', 0, 0, Buffer.alloc(9)),
    'PING ACK of 0 octets': (client) => client.frame('PING', ACK, 0),
    'RST_STREAM of 3 octets': (client) => {
      openStream(client, 1);
      client.frame('RST_STREAM', 0, 1, Buffer.alloc(3));
    },
    'RST_STREAM of 5 octets': (client) => {
      openStream(client, 1);
      client.frame('RST_STREAM', 0, 1, Buffer.alloc(5));
    },
    'WINDOW_UPDATE of 3 octets': (client) => client.frame('WINDOW_UPDATE', 0, 0, Buffer.alloc(3)),
    'WINDOW_UPDATE of 5 octets on a stream': (client) => {
      openStream(client, 1);
      client.frame('WINDOW_UPDATE', 0, 1, Buffer.alloc(5));
    },
    'SETTINGS of 5 octets': (client) => client.frame('SETTINGS', 0, 0, Buffer.alloc(5)),
    'SETTINGS of 7 octets': (client) => client.frame('SETTINGS', 0, 0, Buffer.alloc(7)),
    'SETTINGS ACK with a payload': (client) => client.frame('SETTINGS', ACK, 0, Buffer.alloc(6)),
    'GOAWAY of 7 octets': (client) => client.frame('GOAWAY', 0, 0, Buffer.alloc(7)),
    'HEADERS that are padded and empty': (client) => client.frame('HEADERS', END_HEADERS | PADDED, 1),
    'HEADERS with a priority cut short': (client) =>
      client.frame('HEADERS', END_HEADERS | PRIORITY, 1, Buffer.alloc(4)),
    'DATA that is padded and empty': (client) => {
      openStream(client, 1);
      client.frame('DATA', PADDED, 1);
    },
  });

  streamErrors(server, 1, 'FRAME_SIZE_ERROR', {
    'PRIORITY of 4 octets on an open stream': (client) => {
      openStream(client, 1);
      client.frame('PRIORITY', 0, 1, Buffer.alloc(4));
    },
    'PRIORITY of 6 octets on an open stream': (client) => {
      openStream(client, 1);
      client.frame('PRIORITY', 0, 1, Buffer.alloc(6));
    },
  });
});

describe('RFC 9113, 4.3: field blocks', () => {
  connectionErrors(server, 'COMPRESSION_ERROR', {
    'a block that cannot be decoded': (client) =>
      client.frame('HEADERS', END_HEADERS | END_STREAM, 1, Buffer.of(0xbe)),
    'a block that cannot be decoded, in parts': (client) => {
      client.frame('HEADERS', END_STREAM, 1, Buffer.of(0x82));
      client.frame('CONTINUATION', END_HEADERS, 1, Buffer.of(0xbe));
    },
    'trailers that cannot be decoded': (client) => {
      openStream(client, 1);
      client.frame('HEADERS', END_HEADERS | END_STREAM, 1, Buffer.of(0xbe));
    },
    'a field cut off at the end of the block': (client) =>
      client.frame('HEADERS', END_HEADERS | END_STREAM, 1, Buffer.of(0x82, 0x40)),
  });

  const within = (send: (client: RawClient) => void) => (client: RawClient) => {
    client.frame('HEADERS', END_STREAM, 1, client.block(grpcFields(paths.unary)));
    send(client);
  };
  connectionErrors(server, 'PROTOCOL_ERROR', {
    'DATA within a block': within((client) => client.data(1, Buffer.of(1))),
    'HEADERS within a block': within((client) => client.headers(1, grpcFields(paths.unary))),
    'HEADERS of another stream within a block': within((client) =>
      client.headers(3, grpcFields(paths.unary)),
    ),
    'PRIORITY within a block': within((client) => client.frame('PRIORITY', 0, 1, priorityFields(0))),
    'RST_STREAM within a block': within((client) => client.reset(1)),
    'SETTINGS within a block': within((client) => client.settings([])),
    'PING within a block': within((client) => client.frame('PING', 0, 0, Buffer.alloc(8))),
    'GOAWAY within a block': within((client) => client.frame('GOAWAY', 0, 0, Buffer.alloc(8))),
    'WINDOW_UPDATE within a block': within((client) => client.windowUpdate(0, 1)),
    'CONTINUATION of another stream within a block': within((client) =>
      client.frame('CONTINUATION', END_HEADERS, 3),
    ),
    '5.5: an unknown frame within a block': within((client) => client.frame(0x20, 0, 1)),
    '5.5: an unknown frame on the connection within a block': within((client) => client.frame(0x20, 0, 0)),
    'PRIORITY within the block of trailers': (client) => {
      openStream(client, 1);
      client.frame('HEADERS', END_STREAM, 1, client.block(['x-trailer', '1']));
      client.frame('PRIORITY', 0, 1, priorityFields(0));
    },
  });

  void test('a block in parts of one octet, and empty parts', async () => {
    const client = await RawClient.ready(server.port);
    const block = client.block([':method', 'POST', ':scheme', 'http', ':path', '/']);
    client.frame('HEADERS', END_STREAM, 1);
    for (const octet of block) client.frame('CONTINUATION', 0, 1, Buffer.of(octet));
    client.frame('CONTINUATION', END_HEADERS, 1);
    // What is no call of gRPC is answered all the same.
    const { headers } = await client.response(1);
    assert.match(headers.get(':status')!, /^[245]\d\d$/);
    await client.close();
  });

  void test('4.3.1: the table is kept in step by blocks of refused, ignored and finished streams', async () => {
    const client = await RawClient.ready(server.port);
    const insertion = (value: number): Buffer => Buffer.of(0x40, 1, 0x61, 1, value);
    const block = Buffer.from(client.block(grpcFields(paths.unary)));
    // Malformed: reset by the server. What follows on that stream is passed over, but counts for the table.
    client.frame('HEADERS', END_HEADERS, 1, Buffer.concat([Buffer.of(0x82), insertion(0x31)]));
    client.frame('HEADERS', END_HEADERS | END_STREAM, 1, insertion(0x32));
    // Trailers.
    client.frame('HEADERS', END_HEADERS, 3, block);
    client.data(3, grpcMessage(Buffer.from('t')));
    client.frame('HEADERS', END_HEADERS | END_STREAM, 3, insertion(0x33));
    await client.response(3);
    // All three entries are there, the next index is not.
    client.frame('HEADERS', END_HEADERS, 5, Buffer.concat([block, Buffer.of(0xbe, 0xbf, 0xc0)]));
    client.data(5, grpcMessage(Buffer.from('t')), END_STREAM);
    assert.equal((await client.response(5)).trailers.get('grpc-status'), '0');
    client.frame('HEADERS', END_HEADERS, 7, Buffer.concat([block, Buffer.of(0xc1)]));
    await client.connectionError('COMPRESSION_ERROR');
  });

  void test('4.3.1: a smaller table is acknowledged by the next block', async () => {
    const client = await RawClient.ready(server.port, [['HEADER_TABLE_SIZE', 0]]);
    for (const id of [1, 3]) {
      client.call(id, grpcFields(paths.unary), Buffer.from('x'));
      await client.response(id);
    }
    const first = client.received.find(({ type }) => type === 'HEADERS')!;
    assert.equal(first.payload[0], 0x20);
    await client.close();
  });
});
