import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { describe, it } from 'node:test';
import { serveMember } from '../testing/served-member.js';
import { formatMetrics, gauge } from './metrics.js';

async function get(port: number, path: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return [response.status, await response.text()];
}

async function getByHttp2(port: number, path: string): Promise<[number | undefined, string]> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':path': path }).setEncoding('utf8');
  let status: number | undefined;
  stream.once('response', (headers) => (status = headers[':status']));
  let text = '';
  for await (const part of stream) text += String(part);
  session.close();
  return [status, text];
}

describe('HTTP on the client port', () => {
  it('is the same by HTTP/2, which browsers choose', async (t) => {
    const { port } = await serveMember(t);
    assert.deepEqual(await getByHttp2(port, '/health'), [503, '{"health":"false"}\n']);
    assert.deepEqual(await getByHttp2(port, '/version'), [200, '{"kvorum":"test"}\n']);
    assert.match((await getByHttp2(port, '/metrics'))[1], /^kvorum_client_connections \d+$/m);
    assert.equal((await getByHttp2(port, '/'))[0], 404);
  });

  it('tells health by status and content', async (t) => {
    const { port, server } = await serveMember(t);
    assert.deepEqual(await get(port, '/health'), [503, '{"health":"false"}\n']);
    server.setServing(true);
    assert.deepEqual(await get(port, '/health?verbose'), [200, '{"health":"true"}\n']);
    assert.deepEqual(await get(port, '/health', { method: 'HEAD' }), [200, '']);
  });

  it('tells the version', async (t) => {
    const { port } = await serveMember(t);
    assert.deepEqual(await get(port, '/version'), [200, '{"kvorum":"test"}\n']);
  });

  it('shows metrics in the text format of Prometheus', async (t) => {
    const { port } = await serveMember(t);
    const [status, metrics] = await get(port, '/metrics');
    assert.equal(status, 200);
    for (const line of metrics.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+)$/);
    }
    for (const name of [
      'kvorum_client_connections',
      'kvorum_calls_running{kind="unary"}',
      'kvorum_event_loop_delay_seconds{quantile="0.99"}',
      'process_resident_memory_bytes',
    ]) {
      assert.ok(metrics.includes(`\n${name} `), name);
    }
  });

  it('refuses what is not there and what would change something', async (t) => {
    const { port } = await serveMember(t);
    assert.equal((await get(port, '/'))[0], 404);
    assert.equal((await get(port, '/health', { method: 'POST', body: 'x'.repeat(100_000) }))[0], 405);
  });
});

describe('formatMetrics', () => {
  it('escapes what labels may hold', () => {
    const labels = { name: 'a"b\\c\nd' };
    assert.equal(
      formatMetrics([
        gauge('one', 'First.', 1.5),
        { name: 'two', help: 'Second.', type: 'counter', samples: [{ labels, value: 2 }, { value: 3 }] },
      ]),
      '# HELP one First.\n# TYPE one gauge\none 1.5\n# HELP two Second.\n# TYPE two counter\n' +
        'two{name="a\\"b\\\\c\\nd"} 2\ntwo 3\n',
    );
  });
});
