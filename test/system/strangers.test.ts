import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseHostPort } from '../../src/base/address.js';
import { connect } from '../../src/client/index.js';
import { within } from './processes/deadline.js';
import { Intruder } from './processes/intruder.js';
import { mainScript } from './processes/member-process.js';
import { ProcessCluster } from './processes/process-cluster.js';

const linux = process.platform === 'linux';
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
/** Of the log; the default. */
const segmentSizeBytes = 16 * 1024 * 1024;

/** From another address of this machine. */
function connectFrom(localAddress: string, endpoint: string): Socket {
  const { host, port } = parseHostPort('endpoint', endpoint);
  const socket = connectTcp({ host, port, localAddress });
  socket.on('error', () => {});
  return socket;
}

/** What the HTTP page says, '' if the connection is closed. */
async function health(localAddress: string, endpoint: string): Promise<string> {
  const socket = connectFrom(localAddress, endpoint);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.write('GET /health HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n');
  await once(socket, 'close');
  return answer;
}

describe('strangers', () => {
  it('with more connections than files: the log goes on, clients are served', { skip: !linux }, async (t) => {
    const launch = { prefix: ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh'] };
    await ProcessCluster.run(t, { size: 1, launch }, async (cluster) => {
      const [member] = cluster.members;
      const lowered = await member!.process.event(
        'connectionsMax is lowered: the process may not open more files (ulimit -n, LimitNOFILE)',
      );
      assert.deepEqual([lowered['openFilesMax'], lowered['connectionsMax']], [256, 64]);
      const client = member!.client();
      await client.set('before', 'x');
      const floods = [new Intruder(member!.endpoint), new Intruder(member!.raftAddress)];
      try {
        for (const flood of floods) {
          for (let nth = 0; nth < 1000; nth++) await flood.linger('').catch(() => {});
        }
        const value = 'x'.repeat(1024 * 1024);
        for (let written = 0; written < 2.5 * segmentSizeBytes; written += value.length) {
          await client.set('big', value);
        }
      } finally {
        for (const flood of floods) flood.close();
      }
      assert.equal(await client.get('before'), 'x');
      assert.ok(member!.isRunning);
      const refused = member!.process.log.all('connection refused: connectionsMax reached').length;
      assert.ok(refused > 0 && refused < 60, `${refused} lines for 1000 refusals`);
    });
  });

  it(
    'from one address: another one is let in, the connection that is idle longest gives way',
    { skip: !linux },
    async (t) => {
      const flags = ['-connections-max=64'];
      await ProcessCluster.run(t, { size: 1, flags }, async (cluster) => {
        const { endpoint } = cluster.members[0]!;
        const sockets: Socket[] = [];
        const hold = async (localAddress: string, count: number): Promise<void> => {
          for (let nth = 0; nth < count; nth++) {
            const socket = connectFrom(localAddress, endpoint);
            sockets.push(socket);
            socket.write(preface);
            await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => {});
          }
        };
        try {
          await hold('127.0.0.2', 100);
          const open = (): number => sockets.filter(({ destroyed }) => !destroyed).length;
          assert.ok(open() <= 56, `${open()} connections of one address`);
          assert.match(await health('127.0.0.3', endpoint), /^HTTP\/1.1 200/);
          // All places are taken, eight of them by others.
          for (let nth = 0; nth < 8; nth++) await hold(`127.0.1.${1 + nth}`, 1);
          assert.match(await health('127.0.0.3', endpoint), /^HTTP\/1.1 200/);
        } finally {
          for (const socket of sockets) socket.destroy();
        }
      });
    },
  );

  it('who read the log stop to, or leave: the member serves and stops when it is asked to', async (t) => {
    await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
      for (const leaves of [false, true]) {
        const flags = ['-bootstrap', '-grpcport=0', '-raftport=0', '-log-level=debug'];
        const folder = `-data-dir=${join(cluster.folder, String(leaves))}`;
        const child = spawn(process.execPath, [mainScript, 'serve', ...flags, folder], {
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        t.after(() => child.kill('SIGKILL'));
        let log = '';
        while (!log.includes('member is up')) log += String((await once(child.stderr, 'data'))[0]);
        if (leaves) child.stderr.destroy();
        else child.stderr.pause();
        const endpoint = /"grpc":"([^"]+)"/.exec(log)![1]!;
        const intruder = new Intruder(endpoint);
        for (let nth = 0; nth < 200; nth++) await intruder.say(preface + 'x'.repeat(100));
        const client = connect({ endpoints: endpoint });
        await client.set('key', 'value');
        client.close();
        const exit = once(child, 'exit');
        child.kill('SIGTERM');
        assert.deepEqual(await within('end of the process', exit), [0, null]);
      }
    });
  });
});
