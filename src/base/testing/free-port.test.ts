import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { freePort } from './free-port.js';

void it('finds ports that are free, and lie outside of what the system gives away', async () => {
  const server = createServer();
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  if (process.platform !== 'linux') return;
  const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/);
  assert.ok(port < Number(first), `${port} is below ${first}`);
});
