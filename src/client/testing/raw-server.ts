import type { TestContext } from 'node:test';
import { ApiServer } from '../../api/api-server.js';
import { makeApiLimits } from '../../api/limits.js';
import { silentLog } from '../../base/log.js';
import { unary } from '../../base/rpc.js';

/** Answers each call with the bytes that `answer` gives, whatever was asked. Returns its endpoint. */
export async function serveBytes(
  t: TestContext,
  answer: (request: Uint8Array, method: string) => Uint8Array,
): Promise<string> {
  const method = (name: string) =>
    unary<Uint8Array, Uint8Array>({
      kind: 'unary',
      name,
      decodeRequest: (bytes) => Uint8Array.from(bytes),
      encodeResponse: (bytes) => bytes,
      handle: (request) => Promise.resolve(answer(request, name)),
    });
  const names = [
    'MemberList',
    'MemberRemove',
    'MemberPromote',
    'MemberChangeAddress',
    'TransferLeader',
    'Status',
  ];
  const server = new ApiServer({
    services: [
      { name: 'kvorum.v1.Store', methods: ['Batch', 'Range'].map(method) },
      { name: 'kvorum.v1.Cluster', methods: names.map(method) },
      { name: 'proto.KeyValueStore', methods: [method('Join')] },
    ],
    limits: makeApiLimits(),
    log: silentLog,
    version: 'test',
    clusterId: 7n,
  });
  const port = await server.listen('127.0.0.1', 0);
  t.after(() => server.closeGracefully(0));
  return `127.0.0.1:${port}`;
}
