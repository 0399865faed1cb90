import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { parseHostPort } from '../../src/base/address.js';
import { RawClient } from '../../src/grpc/testing/raw-client.js';
import { SetRequest } from '../../src/generated/kvstore.js';
import { within } from '../system/processes/deadline.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { callFields } from './attacks/hostile-connection.js';

async function dial(endpoint: string): Promise<Socket> {
  const socket = connect({ ...parseHostPort('endpoint', endpoint), allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

describe('a client that has said all and closes its side', () => {
  it('still gets its answer', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const client = new RawClient(await dial(cluster.members[0]!.endpoint));
      client.acknowledges = false;
      client.preface();
      // Its answer comes some time behind the end of the client's side: when a disk has it.
      const set = SetRequest.encode({ key: 'key', value: 'value' }).finish();
      client.call(1, callFields('/proto.KeyValueStore/Set'), set);
      client.socket.end();
      const { trailers } = await client.response(1);
      assert.equal(trailers.get('grpc-status'), '0');
      await within('end of the connection', client.closed);
    });
  });

  it('still gets its page over HTTP/1.1', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const socket = await dial(cluster.members[0]!.endpoint);
      let text = '';
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.end('GET /health HTTP/1.1\r\nhost: kvorum\r\n\r\n');
      await within('end of the connection', once(socket, 'end'));
      assert.match(text, /^HTTP\/1\.1 200 [^]*"true"/);
    });
  });
});
