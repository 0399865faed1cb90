import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { END_HEADERS, END_STREAM, frame, grpcMessage } from '../../grpc/testing/frames.js';
import { RawClient } from '../../grpc/testing/raw-client.js';
import { serveMember } from '../testing/served-member.js';

const connectionCount = 8;
const watchesPerConnection = 4096;
/** Several times what it takes; when each watch that ended walked over all others it was 11 s. */
const teardownCpuMsMax = 5000;

const fields = [
  ...[':method', 'POST', ':scheme', 'http', ':path', '/grpc.health.v1.Health/Watch', ':authority', 'here'],
  ...['content-type', 'application/grpc', 'te', 'trailers'],
];

async function watch(port: number, count = watchesPerConnection): Promise<RawClient> {
  const client = await RawClient.ready(port);
  const block = client.block(fields);
  const request = grpcMessage(Buffer.alloc(0));
  const frames: Buffer[] = [];
  for (let nth = 0; nth < count; nth++) {
    frames.push(frame('HEADERS', END_HEADERS, 1 + 2 * nth, block));
    frames.push(frame('DATA', END_STREAM, 1 + 2 * nth, request));
  }
  client.write(...frames);
  await client.nextOf('DATA', 2 * count - 1);
  return client;
}

/** How many streaming calls run. */
async function running(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  return Number(/kvorum_calls_running\{kind="streaming"\} (\d+)/.exec(await answer.text())![1]);
}

describe('health watches', () => {
  it('tens of thousands may end at once, with their connections', async (t) => {
    const { port } = await serveMember(t);
    const clients: RawClient[] = [];
    t.after(() => Promise.all(clients.map((client) => client.close())));
    for (let nth = 0; nth < connectionCount; nth++) clients.push(await watch(port));
    assert.equal(await running(port), connectionCount * watchesPerConnection);
    const before = process.cpuUsage();
    await Promise.all(clients.map((client) => client.close()));
    while ((await running(port)) > 0);
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1000;
    assert.ok(cpuMs < teardownCpuMsMax, `${cpuMs} ms of CPU`);
  });

  it('are all told of a change, some in each turn', async (t) => {
    const { port, server } = await serveMember(t);
    const count = 1200;
    const client = await watch(port, count);
    t.after(() => client.close());
    client.windowUpdate(0, 2 ** 20);
    server.setServing(true);
    const ids = new Set<number>();
    while (ids.size < count) {
      const { streamId } = await client.next(
        ({ type, payload }) => type === 'DATA' && payload.at(-1) === 1,
        'SERVING',
      );
      ids.add(streamId);
    }
  });
});
