import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { ProcessCluster } from './processes/process-cluster.js';

const hasPrlimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
const valueSizeBytes = 256 * 1024;
/** Of values that fill the log's first segment of 16 MiB, and more. */
const valueCount = 100;

/** From now on the process may open `count` files more. */
function leave(pid: number, count: number): void {
  const open = readdirSync(`/proc/${pid}/fd`).map(Number);
  // The limit is on the numbers of descriptors, and the lowest free one is given out first.
  let limit = 0;
  for (let left = count; left > 0 || open.includes(limit); limit++) if (!open.includes(limit)) left--;
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${limit}:`]);
}

async function metrics(endpoint: string, agent: Agent): Promise<string> {
  const [response] = (await once(get(`http://${endpoint}/metrics`, { agent }), 'response')) as [
    IncomingMessage,
  ];
  return await text(response);
}

const skip = hasPrlimit ? false : 'needs prlimit(1)';
it(
  'a member without file descriptors says so, waits, and goes on when there are some',
  { skip },
  async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      const { pid } = member.process;
      const client = member.client();
      await client.set('a', '1');
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      t.after(() => agent.destroy());
      assert.match(await metrics(member.endpoint, agent), /^process_resident_memory_bytes /m);
      leave(pid, 0);
      const written = Promise.all(
        Array.from({ length: valueCount }, (_, at) => client.set(`k${at}`, 'x'.repeat(valueSizeBytes))),
      );
      await member.process.event('no file descriptor is left: waiting for one');
      // Of connections Node says nothing: they are closed as they come.
      await member.process.event(
        'no file descriptor is left: new connections are closed until there are some (ulimit -n, LimitNOFILE)',
      );
      await assert.rejects(member.client(2000).get('a'), { code: 'SERVER_UNREACHABLE' });
      // Who is connected is served.
      assert.equal(await client.get('a', { serializable: true }), '1');
      assert.match(await metrics(member.endpoint, agent), /^kvorum_has_leader 1$/m);
      leave(pid, 200);
      await member.process.event('there are file descriptors again');
      await member.process.event('connections can be accepted again');
      await written;
      const another = member.client();
      assert.equal((await another.get(`k${valueCount - 1}`))?.length, valueSizeBytes);
      const { openFiles, openFilesMax } = await another.status();
      assert.ok(openFiles !== undefined && openFilesMax !== undefined && openFiles < openFilesMax);
      assert.equal((await member.stop()).code, 0);
    });
  },
);
