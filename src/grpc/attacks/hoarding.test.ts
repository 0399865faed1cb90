import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM, frame, grpcMessage, uint32, type SettingName } from '../testing/frames.js';
import type { Measure } from '../testing/hoarded-server.js';
import { RawClient } from '../testing/raw-client.js';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What is counted may differ from what the process has by this factor. */
const factorMax = 1.5;

/** A server in a process of its own, which can tell what it has in memory. */
class HoardedServer {
  readonly #process: ChildProcess;
  readonly port: number;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  static async start(): Promise<HoardedServer> {
    const program = fileURLToPath(new URL('../testing/hoarded-server.js', import.meta.url));
    const child = fork(program, { execArgv: ['--expose-gc'] });
    const [port] = (await once(child, 'message')) as [number];
    return new HoardedServer(child, port);
  }

  async measure(): Promise<Measure> {
    this.#process.send('measure');
    const [measure] = (await once(this.#process, 'message')) as [Measure];
    return measure;
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await once(this.#process, 'exit');
  }
}

interface Hoard {
  readonly connections: number;
  readonly settings?: readonly (readonly [SettingName, number])[];
  /** Leaves something behind in the server's memory. */
  readonly hoard: (client: RawClient) => void | Promise<void>;
  /** The client's end of the socket is not read. */
  readonly deaf?: boolean;
  /** It ends within a frame or a header block, so that nothing can be sent behind it. */
  readonly cutOff?: boolean;
  /** Handlers that wait with a request of each connection, when all has been unpacked. */
  readonly heldCalls?: number;
}

const shut: Hoard['settings'] = [['INITIAL_WINDOW_SIZE', 0]];
const wide: Hoard['settings'] = [['INITIAL_WINDOW_SIZE', 2 ** 31 - 1]];

function streams(count: number): number[] {
  return Array.from({ length: count }, (_none, at) => 2 * at + 1);
}

function upload(client: RawClient, id: number, content: Buffer, flags = 0): void {
  const frames: Buffer[] = [];
  for (let at = 0; at < content.length; at += 16_384) {
    const end = at + 16_384 >= content.length;
    frames.push(frame('DATA', end ? flags : 0, id, content.subarray(at, at + 16_384)));
  }
  client.write(...frames);
}

/** As `upload`, for more than a window. */
async function uploadAll(client: RawClient, id: number, content: Buffer, flags = 0): Promise<void> {
  for (let at = 0; at < content.length; at += 65_536) {
    upload(client, id, content.subarray(at, at + 65_536), at + 65_536 >= content.length ? flags : 0);
    await client.alive();
  }
}

const hoards: Record<string, Hoard> = {
  'unary calls that are nothing but HEADERS': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(3000)) openStream(client, id, paths.unary);
    },
  },
  'streaming calls that are nothing but HEADERS': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(2000)) openStream(client, id, paths.join);
    },
  },
  'header lists that no other call has': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(1000)) {
        client.headers(id, grpcFields(paths.unary, [`x-${id}`, 'a'.repeat(5000)]));
      }
    },
  },
  'requests of 200 bytes that are whole but not ended': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(3000)) {
        openStream(client, id);
        client.data(id, grpcMessage(Buffer.alloc(200)));
      }
    },
  },
  'requests of 4 MiB that are whole but not ended': {
    connections: 4,
    hoard: async (client) => {
      for (const id of streams(4)) {
        openStream(client, id);
        await uploadAll(client, id, grpcMessage(Buffer.alloc(4 * mebibyte - 5)));
      }
    },
  },
  'six bytes of a message each': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(3000)) {
        openStream(client, id);
        client.data(id, Buffer.concat([Buffer.of(0), uint32(4 * mebibyte), Buffer.of(1)]));
      }
    },
  },
  'halves of messages': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(100)) {
        openStream(client, id);
        upload(client, id, Buffer.concat([Buffer.of(0), uint32(200_000), Buffer.alloc(60_000)]));
      }
    },
  },
  'empty messages that the handler does not take': {
    connections: 4,
    hoard: (client) => {
      const messages = Buffer.concat(new Array<Buffer>(3000).fill(grpcMessage(Buffer.alloc(0))));
      for (const id of streams(10)) {
        openStream(client, id, paths.ignore);
        upload(client, id, messages);
      }
    },
  },
  'messages of 5,000 bytes that the handler does not take': {
    connections: 4,
    hoard: (client) => {
      for (const id of streams(100)) {
        openStream(client, id, paths.ignore);
        for (let count = 0; count < 10; count++) client.data(id, grpcMessage(Buffer.alloc(5000)));
      }
    },
  },
  'requests that are packed, and unpacked for a handler that waits': {
    connections: 4,
    heldCalls: 4,
    hoard: (client) => {
      const packed = grpcMessage(gzipSync(Buffer.alloc(3 * mebibyte)), 1);
      for (const id of streams(4)) {
        client.headers(id, grpcFields(paths.hold, ['grpc-encoding', 'gzip']));
        upload(client, id, packed, END_STREAM);
      }
    },
  },
  'small requests whose handler waits, each with a chunk of its own': {
    connections: 4,
    settings: wide,
    hoard: async (client) => {
      client.windowUpdate(0, 2 ** 31 - 1 - 65_535);
      for (const id of streams(100)) {
        const call = frame('HEADERS', END_HEADERS, 2 * id + 1, client.block(grpcFields(paths.hold)));
        const message = frame('DATA', END_STREAM, 2 * id + 1, grpcMessage(Buffer.alloc(100)));
        const other = frame('HEADERS', END_HEADERS, 2 * id + 3, client.block(grpcFields(paths.unary)));
        const rest = frame('DATA', END_STREAM, 2 * id + 3, grpcMessage(Buffer.alloc(16_000)));
        client.write(call, message, other, rest);
        await client.response(2 * id + 3);
      }
    },
  },
  'small answers that wait for a window': {
    connections: 4,
    settings: shut,
    hoard: (client) => {
      for (const id of streams(3000)) client.call(id, grpcFields(paths.unary), Buffer.alloc(20));
    },
  },
  'large answers that wait for a window': {
    connections: 10,
    settings: shut,
    hoard: (client) => {
      for (const id of streams(10)) client.call(id, grpcFields(paths.sized), uint32(mebibyte));
    },
  },
  'answers that wait for a socket': {
    connections: 20,
    settings: wide,
    deaf: true,
    hoard: (client) => {
      client.windowUpdate(0, 2 ** 31 - 1 - 65_535);
      for (const id of streams(200)) client.call(id, grpcFields(paths.sized), uint32(mebibyte));
    },
  },
  'frames that have not come whole': {
    connections: 400,
    cutOff: true,
    hoard: (client) => client.write(frame('DATA', 0, 1, Buffer.alloc(16_384)).subarray(0, 16_000)),
  },
  'header blocks that have not come whole': {
    connections: 200,
    cutOff: true,
    hoard: (client) => {
      client.frame('HEADERS', 0, 1, Buffer.alloc(16_000));
      for (let count = 0; count < 2; count++) client.frame('CONTINUATION', 0, 1, Buffer.alloc(16_000));
    },
  },
  'pages that wait for a window': {
    connections: 4,
    settings: shut,
    hoard: (client) => {
      for (const id of streams(16)) {
        client.headers(
          id,
          [':method', 'GET', ':scheme', 'http', ':path', '/page', ':authority', 'a'],
          END_HEADERS | END_STREAM,
        );
      }
    },
  },
};

describe('what is counted as held is what the process has in memory', () => {
  let server: HoardedServer;
  before(async () => {
    server = await HoardedServer.start();
  });
  after(() => server.stop());

  for (const [name, { connections, settings = [], hoard, deaf, cutOff, heldCalls = 0 }] of Object.entries(
    hoards,
  )) {
    void test(name, async () => {
      const clients: RawClient[] = [];
      try {
        for (let count = 0; count < connections; count++) {
          clients.push(await RawClient.ready(server.port, settings));
        }
        // So that code and tables are there that stay.
        const warm = await RawClient.ready(server.port, settings);
        await hoard(warm);
        await server.measure();
        await warm.close();
        const start = await nothingLeft(server);
        for (const client of clients) {
          if (deaf === true) client.socket.pause();
          await hoard(client);
          // Answered behind all that it sent.
          if (deaf !== true && cutOff !== true) await client.alive();
        }
        const { heldBytes, memoryBytes } = await settled(server, connections * heldCalls);
        const grownBytes = memoryBytes - start.memoryBytes;
        const factor = heldBytes / grownBytes;
        assert.ok(heldBytes > 100 * kibibyte, `${heldBytes} bytes are counted`);
        assert.ok(
          factor > 1 / factorMax && factor < factorMax,
          `${heldBytes} bytes are counted, ${grownBytes} are there: ${factor.toFixed(2)}`,
        );
      } finally {
        await Promise.all(clients.map((client) => client.close()));
      }
      await nothingLeft(server);
    });
  }
});

/** When two measures in a row count the same, and all handlers that are awaited have begun, everything has arrived. */
async function settled(server: HoardedServer, heldCallsMin: number): Promise<Measure> {
  for (let before = await server.measure(); ;) {
    const now = await server.measure();
    const begun = now.heldBytes > 0 && now.heldCalls >= heldCallsMin;
    if (begun && now.heldBytes === before.heldBytes) return now;
    before = now;
  }
}

async function nothingLeft(server: HoardedServer): Promise<Measure> {
  for (;;) {
    const measure = await server.measure();
    if (measure.heldBytes === 0) return measure;
  }
}
