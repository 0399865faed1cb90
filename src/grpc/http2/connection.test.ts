import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BoundMethod } from '../../base/rpc.js';
import { ClientShare } from '../client-share.js';
import { HpackEncoder } from '../hpack/encoder.js';
import { grpcLimitDefaults, type GrpcLimits } from '../limits.js';
import { grpcFields } from '../testing/echo-server.js';
import {
  describeFrame,
  END_HEADERS,
  END_STREAM,
  frame,
  FrameReader,
  grpcMessage,
  settingsPayload,
  uint32,
  type Frame,
  type SettingName,
} from '../testing/frames.js';
import { MemoryServer } from '../testing/memory-server.js';
import { MemorySocket } from '../testing/memory-socket.js';
import type { Connection } from './connection.js';
import { aheadBytesPerConnectionMax } from './input-ahead.js';
import { frameSizeBytesDefault } from './protocol.js';
import { intakeMsMax } from './turns.js';

const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });
const hello = grpcMessage(Buffer.from('hello'));
const ping = frame('PING', 0, 0, Buffer.alloc(8));
const goAway = frame('GOAWAY', 0, 0, Buffer.alloc(8));

let echoes = 0;
const methods: readonly BoundMethod[] = [
  {
    kind: 'unary',
    name: 'Echo',
    call: (request) => {
      echoes++;
      return request;
    },
  },
  { kind: 'unary', name: 'Promised', call: (request) => Promise.resolve(request) },
  { kind: 'unary', name: 'Hold', call: () => new Promise(() => {}) },
  {
    kind: 'unary',
    name: 'UntilLost',
    call: (request, { signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(request), { once: true })),
  },
];

function headers(id: number, method: string, flags = END_HEADERS): Buffer {
  return frame('HEADERS', flags, id, encoder.encode(grpcFields(`/test.Echo/${method}`)));
}

function settings(entries: readonly (readonly [SettingName, number])[]): Buffer {
  return frame('SETTINGS', 0, 0, settingsPayload(entries));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** All connections are gone, and nothing is held for them; each is let go in a turn. */
async function isEmpty(server: MemoryServer): Promise<void> {
  while (server.rest()['connections'] !== 0) await nextTurn();
  assert.equal(server.rest()['heldBytes'], 0);
}

class Client {
  readonly socket = new MemorySocket();
  readonly connection: Connection;
  readonly errors: Error[] = [];

  constructor(server: MemoryServer, share?: ClientShare) {
    this.socket.on('error', (error) => this.errors.push(error));
    this.connection = server.connect(this.socket, share);
    this.send(settings([]), frame('SETTINGS', 1, 0));
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.emit('data', Buffer.concat(frames));
  }

  get frames(): Frame[] {
    return new FrameReader().push(Buffer.concat(this.socket.sent));
  }

  get said(): string[] {
    return this.frames.map(describeFrame);
  }
}

function serve(
  limits: Partial<GrpcLimits> = {},
  now?: () => number,
): { server: MemoryServer; bugs: unknown[] } {
  const bugs: unknown[] = [];
  const bug = (fields: unknown): void => void bugs.push(fields);
  const server = new MemoryServer({ ...grpcLimitDefaults, ...limits }, methods, bug, now);
  return { server, bugs };
}

/** Milliseconds of the quickest of some runs. */
function quickest(run: () => void): number {
  let leastMs = Infinity;
  for (let count = 0; count < 5; count++) {
    const began = performance.now();
    run();
    leastMs = Math.min(leastMs, performance.now() - began);
  }
  return leastMs;
}

describe('SETTINGS', () => {
  const many = 2730;

  async function withStreams(count: number): Promise<Client> {
    const client = new Client(serve({ settingsRate: { burst: 1e6, perSecond: 0 } }).server);
    for (let at = 0; at < count; at++) {
      client.send(headers(1 + 2 * at, 'Hold'));
      if (at % 100 === 0) await nextTurn();
    }
    await nextTurn();
    return client;
  }

  it('of many windows walk the streams once a frame', async () => {
    const client = await withStreams(1000);
    const one = settings([['INITIAL_WINDOW_SIZE', 100]]);
    const all = settings(Array.from({ length: many }, (_, at) => ['INITIAL_WINDOW_SIZE', at % 2] as const));
    const oneMs = quickest(() => client.send(one));
    await nextTurn();
    const allMs = quickest(() => client.send(all));
    assert.ok(allMs < 200 * oneMs + 1, `${oneMs} ms for one, ${allMs} ms for ${many}`);
    client.socket.destroy();
  });

  it('leave the others their turn: streams that are walked and entries are work', async () => {
    for (const [streams, entries] of [
      [1000, 1],
      [0, many],
    ] as const) {
      const client = await withStreams(streams);
      client.socket.sent.length = 0;
      const window = settings(new Array(entries).fill(['INITIAL_WINDOW_SIZE', 7]) as [SettingName, number][]);
      client.send(...new Array<Buffer>(20).fill(window));
      let turns = 0;
      for (; client.frames.length < 20; turns++) {
        assert.ok(client.frames.length <= 5 * (turns + 1), `${client.frames.length} in ${turns} turns`);
        await nextTurn();
      }
      assert.ok(turns >= 3, `${turns} turns`);
      client.socket.destroy();
    }
  });

  it('are taken in their order: the last window counts, and none may overflow', async () => {
    const window = (...sizes: readonly number[]): Buffer =>
      settings(sizes.map((size) => ['INITIAL_WINDOW_SIZE', size] as const));
    const client = await withStreams(1);
    // 100 beyond what SETTINGS give.
    client.send(frame('WINDOW_UPDATE', 0, 1, uint32(100)), window(10, 0x7fff_ffff - 100, 20), ping);
    await nextTurn();
    assert.match(client.said.at(-1)!, /^PING/);
    client.send(window(0x7fff_ffff - 99, 20));
    await nextTurn();
    assert.match(client.said.at(-1)!, /^GOAWAY .*FLOW_CONTROL_ERROR/);
  });
});

describe('a connection that is ended because others need the memory', () => {
  it('is told why, or lets go at once of what its client does not read', async () => {
    for (const stalled of [false, true]) {
      const { server } = serve();
      const client = new Client(server);
      await nextTurn();
      client.socket.stalled = stalled;
      client.send(headers(1, 'Echo'), frame('DATA', END_STREAM, 1, hello));
      await nextTurn();
      client.connection.evict();
      assert.equal(client.socket.destroyed, stalled);
      await nextTurn();
      if (stalled) assert.equal(server.rest()['heldBytes'], 0);
      else assert.match(client.said.at(-1)!, /^GOAWAY .*ENHANCE_YOUR_CALM/);
      client.socket.destroy();
    }
  });
});

describe('input that comes when a turn has had its time', () => {
  const call = [headers(1, 'Echo'), frame('DATA', END_STREAM, 1, hello)];
  const isServed = (client: Client): boolean => client.said.some((line) => /^HEADERS stream 1/.test(line));

  /** Clients of these addresses, in a turn that has had its time. Each call of theirs takes half of that of a turn. */
  async function late(addresses: readonly string[]): Promise<{ server: MemoryServer; clients: Client[] }> {
    let clockMs = 0;
    const before = echoes;
    const { server } = serve({}, () => clockMs + ((echoes - before) * intakeMsMax) / 2);
    const shares = new Map(addresses.map((address) => [address, new ClientShare(address)]));
    const clients = addresses.map((address) => new Client(server, shares.get(address)));
    await nextTurn();
    new Client(server).socket.destroy();
    clockMs += intakeMsMax;
    return { server, clients };
  }

  it('waits, is counted as held, and is served in the next one', async () => {
    const { server, clients } = await late(['a']);
    const client = clients[0]!;
    const before = server.rest()['heldBytes']!;
    client.send(...call, ping);
    client.connection.turn();
    assert.equal(server.rest()['heldBytes'], before + Buffer.concat([...call, ping]).length);
    assert.ok(!isServed(client));
    await nextTurn();
    assert.ok(isServed(client));
    await nextTurn();
    assert.equal(server.rest()['heldBytes'], before);
    client.socket.destroy();
  });

  /** A message on each of the streams, that fills frames of the largest size. */
  function largeCalls(frameCount: number, ...ids: readonly number[]): Buffer[] {
    const message = grpcMessage(Buffer.alloc(frameCount * frameSizeBytesDefault - 5));
    const content = (id: number, at: number): Buffer => {
      const [from, to] = [at * frameSizeBytesDefault, (at + 1) * frameSizeBytesDefault];
      return frame('DATA', at + 1 === frameCount ? END_STREAM : 0, id, message.subarray(from, to));
    };
    return ids.flatMap((id) => [
      headers(id, 'Echo'),
      ...Array.from({ length: frameCount }, (_none, at) => content(id, at)),
    ]);
  }

  it('is read on meanwhile, and all taken in in one turn', async () => {
    const { server, clients } = await late(['a']);
    const client = clients[0]!;
    const before = server.rest()['heldBytes']!;
    const chunks = largeCalls(9, 1);
    for (const chunk of chunks) client.send(chunk);
    client.connection.turn();
    assert.equal(server.rest()['heldBytes'], before + Buffer.concat(chunks).length);
    assert.ok(!isServed(client) && !client.socket.isPaused());
    await nextTurn();
    assert.ok(isServed(client));
    client.socket.destroy();
    await isEmpty(server);
  });

  it('aheadBytesPerConnectionMax: is read on so far', async () => {
    const { server, clients } = await late(['a']);
    const client = clients[0]!;
    const chunks = largeCalls(9, 1, 3);
    let [sent, aheadBytes] = [0, 0];
    while (!client.socket.isPaused()) {
      if (sent > 0) aheadBytes += chunks[sent]!.length;
      client.send(chunks[sent++]!);
    }
    assert.ok(aheadBytes > aheadBytesPerConnectionMax);
    assert.ok(aheadBytes - chunks[sent - 1]!.length <= aheadBytesPerConnectionMax);
    await nextTurn();
    assert.ok(isServed(client) && !client.socket.isPaused());
    for (const chunk of chunks.slice(sent)) client.send(chunk);
    const isServedToo = (): boolean => client.said.some((line) => /^HEADERS stream 3/.test(line));
    while (!isServedToo()) await nextTurn();
    client.socket.destroy();
    await isEmpty(server);
  });

  it('of an address with many connections does not come before that of one with few', async () => {
    const { clients } = await late([...new Array<string>(20).fill('many'), 'few']);
    for (const client of clients) client.send(...call);
    await nextTurn();
    await nextTurn();
    assert.ok(isServed(clients.at(-1)!));
    assert.ok(clients.filter(isServed).length < 6);
    while (!clients.every(isServed)) await nextTurn();
    for (const { socket } of clients) socket.destroy();
  });

  it('is let go with its connection', async () => {
    const { server, clients } = await late(['a', 'b']);
    const [gone, ended] = clients as [Client, Client];
    for (const client of clients) client.send(...call);
    gone.socket.destroy();
    ended.connection.evict();
    ended.socket.destroy();
    await nextTurn();
    await nextTurn();
    assert.ok(!clients.some(isServed));
    assert.deepEqual([server.rest()['connections'], server.rest()['heldBytes']], [0, 0]);
  });

  it('may be its end, which waits too', async () => {
    const { clients } = await late(['a']);
    const [client] = clients as [Client];
    client.socket.emit('end');
    client.connection.turn();
    assert.ok(!client.said.some((line) => /^GOAWAY/.test(line)));
    await nextTurn();
    await nextTurn();
    assert.match(client.said.at(-1)!, /^GOAWAY .*NO_ERROR/);
    client.socket.destroy();
  });

  it('is served where the client has ended its side behind it', async () => {
    const { clients } = await late(['a']);
    const client = clients[0]!;
    client.send(...call);
    client.socket.push(null);
    client.socket.emit('end');
    await nextTurn();
    await nextTurn();
    assert.ok(isServed(client));
    client.socket.destroy();
  });
});

describe('a connection that has ended and lingers', () => {
  const fatal = frame('PING', 0, 1, Buffer.alloc(8));

  it('lingerTimeoutMs: is closed, also where it was answered behind its end', async () => {
    const { server } = serve({ lingerTimeoutMs: 10_000 });
    for (const method of ['Echo', 'Promised']) {
      const client = new Client(server);
      await nextTurn();
      client.send(headers(1, method), frame('DATA', END_STREAM, 1, hello), fatal);
      await nextTurn();
      await nextTurn();
      assert.ok(!client.socket.destroyed);
      client.connection.sweep(performance.now() + 10_001);
      assert.ok(client.socket.destroyed, method);
    }
    await isEmpty(server);
  });

  it('lingerTimeoutMs: is closed, also where its streams waited for their windows', async () => {
    const { server } = serve({ receivedBytesPerConnectionMax: 1000, lingerTimeoutMs: 10_000 });
    const client = new Client(server);
    await nextTurn();
    const part = grpcMessage(Buffer.alloc(20_000)).subarray(0, 16_000);
    for (const id of [1, 3, 5]) client.send(headers(id, 'Echo'), frame('DATA', 0, id, part));
    await nextTurn();
    client.send(fatal);
    await nextTurn();
    await nextTurn();
    client.connection.sweep(performance.now() + 10_001);
    assert.ok(client.socket.destroyed);
    await isEmpty(server);
  });

  it('holds nothing of what came, nor of what it remembered', async () => {
    const { server } = serve();
    const client = new Client(server);
    await nextTurn();
    // Refused before they were whole: their ids are remembered.
    for (let id = 1; id < 400; id += 2) client.send(headers(id, 'Nowhere'));
    client.send(headers(401, 'Echo'), frame('DATA', 0, 401, hello.subarray(0, 3)));
    await nextTurn();
    await nextTurn();
    assert.ok(server.rest()['heldBytes']! > 200 * 80);
    client.send(fatal, frame('DATA', 0, 401, Buffer.alloc(1000)).subarray(0, 500));
    await nextTurn();
    await nextTurn();
    assert.deepEqual([server.rest()['connections'], server.rest()['heldBytes']], [1, 0]);
    client.socket.destroy();
    await isEmpty(server);
  });
});

describe('connections that end at one moment', () => {
  for (const [how, end] of [
    ['as their sockets are gone', ({ socket }: Client) => void socket.destroy()],
    ['as others need the memory', ({ connection }: Client) => connection.evict()],
  ] as const) {
    it(`${how} are let go in several turns`, async () => {
      let ms = 0;
      const { server } = serve({}, () => (ms += 0.1));
      const clients = Array.from({ length: 200 }, () => new Client(server));
      for (const client of clients) client.send(headers(1, 'UntilLost'), frame('DATA', END_STREAM, 1, hello));
      while (server.rest()['unary'] !== clients.length) await nextTurn();
      for (const client of clients) end(client);
      await nextTurn();
      await nextTurn();
      const left = server.rest()['unary']!;
      assert.ok(left > 0 && left < clients.length, `${left} calls are left`);
      while (server.rest()['unary'] !== 0) await nextTurn();
      for (const { socket } of clients) socket.destroy();
      await isEmpty(server);
    });
  }
});

describe('a connection that fails for a reason that is a bug', () => {
  /** Makes a method of the socket throw. */
  function breakSocket(socket: MemorySocket, method: 'write' | 'resume'): void {
    Object.defineProperty(socket, method, { value: () => assert.fail(`${method} is broken`) });
  }

  it('ends by itself: those whose turn it is too go on', async () => {
    const { server, bugs } = serve();
    const clients = [new Client(server), new Client(server), new Client(server)];
    await nextTurn();
    const broken = clients[1]!.socket;
    breakSocket(broken, 'write');
    for (const client of clients) client.send(headers(1, 'Echo'), frame('DATA', END_STREAM, 1, hello));
    await nextTurn();
    await nextTurn();
    for (const at of [0, 2]) assert.match(clients[at]!.said.at(-1)!, /^HEADERS stream 1 flags 0x5/);
    assert.ok(broken.destroyed);
    assert.ok(bugs.length > 0);
    for (const { socket } of clients) socket.destroy();
    await isEmpty(server);
  });

  it('does so in a sweep, too', async () => {
    const { server, bugs } = serve();
    const client = new Client(server);
    client.send(headers(1, 'Hold'), ping.subarray(0, 3));
    await nextTurn();
    const { socket, connection } = client;
    breakSocket(socket, 'resume');
    connection.sweep(performance.now() + 1e9);
    await nextTurn();
    assert.ok(socket.destroyed);
    assert.ok(bugs.length > 0);
    await isEmpty(server);
  });
});

describe('behind the frame that ends a connection', () => {
  it('nothing of the same chunk is taken in or answered', async () => {
    const { server, bugs } = serve({ uselessFrameRate: { burst: 0, perSecond: 0 } });
    const client = new Client(server);
    await nextTurn();
    client.send(goAway, ping, ping, headers(1, 'Echo'), frame('DATA', END_STREAM, 1, hello), ping);
    client.send(ping);
    for (let turns = 0; turns < 3; turns++) await nextTurn();
    assert.match(client.said.at(-1)!, /^GOAWAY .*NO_ERROR/);
    assert.deepEqual([client.errors, bugs], [[], []]);
    assert.ok(client.socket.writableFinished);
    client.socket.destroy();
  });

  it('nor is it when a call of the chunk was the last that was awaited', async () => {
    const { server } = serve();
    const client = new Client(server);
    client.send(headers(1, 'Echo'));
    client.send(goAway);
    client.send(frame('DATA', END_STREAM, 1, hello), ping, ping);
    for (let turns = 0; turns < 3; turns++) await nextTurn();
    assert.match(client.said.at(-1)!, /^HEADERS stream 1 flags 0x5/);
    assert.deepEqual(client.errors, []);
    client.socket.destroy();
  });

  it('lingerSizeBytesMax: so much is read, and thrown away', async () => {
    const { server } = serve({ lingerSizeBytesMax: 1000 });
    const client = new Client(server);
    client.send(goAway);
    client.socket.emit('data', Buffer.alloc(1000));
    assert.ok(!client.socket.destroyed);
    client.socket.emit('data', Buffer.alloc(1));
    assert.ok(client.socket.destroyed);
    await isEmpty(server);
  });

  it('lingerTimeoutMs: so long is it read on', async () => {
    const { server } = serve({ lingerTimeoutMs: 10_000 });
    const client = new Client(server);
    await nextTurn();
    const nowMs = performance.now();
    client.send(goAway);
    await nextTurn();
    client.connection.sweep(nowMs + 9000);
    assert.ok(!client.socket.destroyed);
    client.connection.sweep(performance.now() + 10_001);
    assert.ok(client.socket.destroyed);
  });

  it('sendStallTimeoutMs: answers have more time to leave than a GOAWAY has', async () => {
    for (const served of [true, false]) {
      const { server } = serve({ lingerTimeoutMs: 1000, sendStallTimeoutMs: 60_000 });
      const client = new Client(server);
      await nextTurn();
      client.socket.stalled = true;
      client.send(headers(1, 'Echo'), frame('DATA', END_STREAM, 1, hello));
      client.send(served ? goAway : frame('PING', 0, 1, Buffer.alloc(8)));
      await nextTurn();
      client.connection.sweep(performance.now() + 5000);
      assert.equal(client.socket.destroyed, !served);
      client.connection.sweep(performance.now() + 61_000);
      assert.ok(client.socket.destroyed);
    }
  });
});
