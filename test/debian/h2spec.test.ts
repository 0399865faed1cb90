import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../src/base/log.js';
import { RatedLog } from '../../src/base/rated-log.js';
import { AnswerTurns } from '../../src/grpc/http2/answer-turns.js';
import { Connection } from '../../src/grpc/http2/connection.js';
import type { ConnectionEnvironment } from '../../src/grpc/http2/environment.js';
import { InputAhead } from '../../src/grpc/http2/input-ahead.js';
import { http2LimitDefaults } from '../../src/grpc/http2/limits.js';
import { MemoryBudget } from '../../src/grpc/http2/memory-budget.js';
import { OutputBuffers } from '../../src/grpc/http2/output.js';
import type { StreamOpener } from '../../src/grpc/http2/request-blocks.js';
import { Stream } from '../../src/grpc/http2/stream.js';
import { Turns } from '../../src/grpc/http2/turns.js';
import { grpcLimitDefaults } from '../../src/grpc/limits.js';
import { Listener } from '../../src/grpc/listener.js';
import { Seats } from '../../src/grpc/seats.js';
import { Shares } from '../../src/grpc/shares.js';

/** h2spec sends plain requests and waits for content; so its target is a server of its own on our HTTP/2. */
class AnsweredStream extends Stream {
  readonly busy = false;
  readonly footprintBytes = 0;

  data(_bytes: Buffer, from: number, to: number, last: boolean): void {
    this.owner.credit(this, to - from);
    if (!last) return;
    this.owner.sendHeaders(this, [':status', '200'], false);
    this.owner.sendMessage(this, Buffer.from('hello'), false);
    this.owner.sendHeaders(this, ['x-trailer', '1'], true);
  }

  opened(): void {}
  aborted(): void {}
  serverStops(): void {}
  drained(): void {}
}

async function listen(t: TestContext): Promise<number> {
  const connections = new Set<Connection>();
  const memory = new MemoryBudget(http2LimitDefaults.memoryBytesMax, connections);
  const opener: StreamOpener = {
    heldBytes: 0,
    cost: 0,
    open: (owner, id, windows) => new AnsweredStream(owner, id, windows, -1),
  };
  const turns = new Turns();
  const environment: ConnectionEnvironment = {
    // It opens one stream more than is allowed; so the limit is one that it reaches.
    limits: { ...http2LimitDefaults, streamsPerConnectionMax: 100 },
    application: {
      request: ({ contentLength }) => ({
        heldBytes: 0,
        cost: 0,
        open: (owner, id, windows) => new AnsweredStream(owner, id, windows, contentLength),
      }),
      headersTooLarge: () => opener,
      overrun: () => opener,
    },
    buffers: new OutputBuffers(),
    turns,
    inputAhead: new InputAhead(memory, http2LimitDefaults.memoryBytesMax),
    memory,
    answers: new AnswerTurns(memory, turns),
    log: silentLog,
    faulted: () => {},
    closed: (connection) => connections.delete(connection as Connection),
  };
  const listener = new Listener({
    name: 'target',
    tls: undefined,
    connectionsMax: 1000,
    prefaceTimeoutMs: 10_000,
    log: new RatedLog(silentLog),
    connected: () => {},
    seats: new Seats(new Shares(grpcLimitDefaults)),
    http2: (socket, rest, seat) => {
      const connection = new Connection(socket, environment, seat.share);
      connections.add(connection);
      connection.feed(rest);
    },
    http1: (socket) => socket.destroy(),
  });
  t.after(async () => {
    const closed = listener.close();
    listener.destroyConnections();
    await closed;
  });
  return listener.listen('127.0.0.1', 0);
}

const broken = [
  // RFC 7540 alone had these rules (section 5.3.1); RFC 9113 took priorities out, and we pass them over.
  'Sends HEADERS frame that depend on itself',
  'Sends PRIORITY frame that depend on itself',
  // gRPC's C core does this; its other calls are not to end with it.
  'idle: Sends a RST_STREAM frame',
  'Sends a RST_STREAM frame on a idle stream',
].sort();

const installed = spawnSync('h2spec', ['--version']).status === 0;

void test(
  'h2spec, all but priorities and resets of idle streams',
  { skip: installed ? false : 'h2spec is not installed' },
  async (t) => {
    const port = await listen(t);
    const folder = await mkdtemp(join(tmpdir(), 'kvorum-h2spec-'));
    t.after(() => rm(folder, { recursive: true }));
    const report = join(folder, 'report.xml');
    const child = spawn('h2spec', ['--strict', '-h', '127.0.0.1', '-p', String(port), '-j', report], {
      stdio: 'ignore',
    });
    await once(child, 'exit');
    const cases = [...(await readFile(report, 'utf8')).matchAll(/<testcase ([^>]*)>([^]*?)<\/testcase>/g)];
    assert.ok(cases.length > 140, `only ${cases.length} cases were run`);
    const failed = cases
      .filter(([, , outcome]) => /<(failure|error)/.test(outcome!))
      .map(([, attributes]) => /classname="([^"]*)"/.exec(attributes!)?.[1]);
    assert.deepEqual(failed.sort(), broken);
  },
);
