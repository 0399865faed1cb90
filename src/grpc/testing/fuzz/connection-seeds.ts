import { gzipSync } from 'node:zlib';
import { HpackEncoder } from '../../hpack/encoder.js';
import { grpcFields } from '../echo-server.js';
import {
  END_HEADERS,
  END_STREAM,
  errorCodes,
  frame,
  grpcMessage,
  PADDED,
  padded,
  PRIORITY,
  priorityFields,
  settingsPayload,
  uint32,
  type SettingName,
} from '../frames.js';

const stateless = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });
const hello = grpcMessage(Buffer.from('hello'));
const large = grpcMessage(Buffer.alloc(15_000, 'l'));

function headers(
  streamId: number,
  method: string,
  more: readonly string[] = [],
  flags = END_HEADERS,
): Buffer {
  return frame('HEADERS', flags, streamId, stateless.encode(grpcFields(`/test.Echo/${method}`, more)));
}

function data(streamId: number, payload: Uint8Array, flags = END_STREAM): Buffer {
  return frame('DATA', flags, streamId, payload);
}

/** From behind the preface on. */
function connection(
  settings: readonly (readonly [SettingName, number])[],
  ...frames: readonly Buffer[]
): Buffer {
  const greeting = [frame('SETTINGS', 0, 0, settingsPayload(settings)), frame('SETTINGS', 1, 0)];
  return Buffer.concat([...greeting, ...frames]);
}

/** Calls of all kinds with a table, as clients make them. */
function indexed(): Buffer {
  const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 4096 });
  const calls = [1, 3, 5].flatMap((id) => [
    frame('HEADERS', END_HEADERS, id, encoder.encode(grpcFields('/test.Echo/Echo', ['x-id', String(id)]))),
    data(id, hello),
  ]);
  return connection([], ...calls);
}

/** Blocks that mean something by the table alone, which a size update then empties. */
function evicted(): Buffer {
  const call = stateless.encode(grpcFields('/test.Echo/Echo'));
  const block = (id: number, ...parts: readonly Uint8Array[]): Buffer =>
    frame('HEADERS', END_HEADERS | END_STREAM, id, Buffer.concat(parts));
  const insertion = Buffer.from('4001780131', 'hex');
  const newest = Buffer.of(0xbe);
  const emptied = Buffer.from('203fe11f', 'hex');
  return connection(
    [],
    ...[block(1, call, insertion), block(3, call, newest), block(5, call, newest)],
    ...[block(7, emptied, call), block(9, call, newest)],
  );
}

function inParts(): Buffer {
  const block = stateless.encode(grpcFields('/test.Echo/Echo'));
  return connection(
    [],
    frame('HEADERS', 0, 1, block.subarray(0, 10)),
    frame('CONTINUATION', 0, 1, block.subarray(10, 20)),
    frame('CONTINUATION', END_HEADERS, 1, block.subarray(20)),
    data(1, hello.subarray(0, 3), 0),
    data(1, hello.subarray(3), 0),
    data(1, Buffer.alloc(0)),
  );
}

const kinds = ['Echo', 'Later', 'Large', 'Fail', 'Hold', 'Repeat', 'Join', 'EchoAll', 'Nothing'];

export const connectionSeeds: readonly Buffer[] = [
  ...kinds.map((kind) => connection([], headers(1, kind), data(1, hello))),
  indexed(),
  inParts(),
  evicted(),
  connection([], headers(1, 'EchoAll'), data(1, Buffer.concat([hello, hello]), 0), data(1, hello)),
  connection([], headers(1, 'Join'), data(1, large, 0), data(1, large, 0), data(1, large)),
  connection(
    [],
    headers(1, 'Echo', ['grpc-encoding', 'gzip', 'grpc-accept-encoding', 'gzip']),
    data(1, grpcMessage(gzipSync(Buffer.alloc(5000, 'z')), 1)),
  ),
  connection(
    [],
    headers(1, 'EchoAll', ['grpc-encoding', 'gzip', 'grpc-accept-encoding', 'identity,gzip']),
    data(1, grpcMessage(gzipSync(Buffer.from('short')), 1), 0),
    data(1, grpcMessage(gzipSync(Buffer.alloc(100_000)), 1)),
  ),
  connection(
    [
      ['INITIAL_WINDOW_SIZE', 10],
      ['HEADER_TABLE_SIZE', 0],
      ['MAX_FRAME_SIZE', 20_000],
    ],
    headers(1, 'Large'),
    data(1, hello),
    frame('WINDOW_UPDATE', 0, 1, uint32(100)),
    frame('SETTINGS', 0, 0, settingsPayload([['INITIAL_WINDOW_SIZE', 70_000]])),
    frame('WINDOW_UPDATE', 0, 0, uint32(100_000)),
  ),
  connection(
    [],
    headers(1, 'Large'),
    data(1, hello),
    headers(3, 'Large'),
    data(3, hello),
    headers(5, 'Large'),
    data(5, hello),
  ),
  connection(
    [],
    headers(1, 'Hold', ['grpc-timeout', '1n']),
    data(1, hello),
    headers(3, 'Hold'),
    frame('RST_STREAM', 0, 3, uint32(errorCodes.CANCEL)),
  ),
  connection(
    [],
    headers(1, 'Join'),
    data(1, hello, 0),
    frame('HEADERS', END_HEADERS | END_STREAM, 1, stateless.encode(['x-trailer', '1'])),
  ),
  connection(
    [],
    headers(1, 'Echo', ['content-length', '10', 'x-data-bin', 'AAEC', 'authorization', 'secret']),
    data(1, hello),
  ),
  connection(
    [],
    frame('PRIORITY', 0, 3, priorityFields(0)),
    frame(
      'HEADERS',
      END_HEADERS | PADDED | PRIORITY,
      1,
      padded(Buffer.concat([priorityFields(0), stateless.encode(grpcFields('/test.Echo/Echo'))]), 5),
    ),
    frame('DATA', PADDED | END_STREAM, 1, padded(hello, 7)),
    frame('PING', 0, 0, Buffer.alloc(8)),
    frame('GOAWAY', 0, 0, Buffer.alloc(8)),
  ),
  connection(
    [],
    ...[1, 3, 5, 7, 9, 11, 13, 15, 17, 19].map((id) => headers(id, 'Hold')),
    data(1, hello),
    data(3, hello),
  ),
  connection(
    [],
    frame(
      'HEADERS',
      END_HEADERS | END_STREAM,
      1,
      stateless.encode([':method', 'GET', ':scheme', 'http', ':path', '/']),
    ),
    frame('HEADERS', END_HEADERS, 3, stateless.encode([':method', 'GET'])),
    data(3, hello),
  ),
];
