import assert from 'node:assert/strict';
import { randomInt, type Prng } from '../../../base/prng.js';
import type { BoundMethod } from '../../../base/rpc.js';
import { StatusError } from '../../../base/status.js';
import type { Connection } from '../../http2/connection.js';
import { grpcLimitDefaults, type GrpcLimits } from '../../limits.js';
import { MemoryServer } from '../memory-server.js';
import { MemorySocket } from '../memory-socket.js';
import { connectionSeeds } from './connection-seeds.js';
import { mutateFrames } from './frame-mutator.js';
import { split } from './mutator.js';
import { isAnswered, ping, readAnswers, readRequests } from './peer-view.js';
import { randomOf, type FuzzTarget } from './target.js';

const few = { burst: 40, perSecond: 0 };

/** Small enough for inputs to get there. */
const limits: GrpcLimits = {
  ...grpcLimitDefaults,
  streamsPerConnectionMax: 8,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 70_000,
  receivedBytesPerConnectionMax: 30_000,
  headerListSizeBytesMax: 2000,
  headerBlockSizeBytesMax: 3000,
  continuationFramesMax: 6,
  requestSizeBytesMax: 20_000,
  responseSizeBytesMax: 30_000,
  compressedSizeBytesMin: 100,
  resetRate: few,
  faultRate: few,
  settingsRate: few,
  pingRate: few,
  emptyFrameRate: few,
  windowUpdateRate: few,
  uselessFrameRate: few,
  pingIntervalMsMin: 0,
};

const methods: readonly BoundMethod[] = [
  { kind: 'unary', name: 'Echo', call: (request) => request },
  {
    kind: 'unary',
    name: 'Later',
    call: (request) => new Promise((resolve) => setImmediate(() => resolve(request))),
  },
  { kind: 'unary', name: 'Large', call: () => new Uint8Array(30_000) },
  {
    kind: 'unary',
    name: 'Fail',
    call(request, context) {
      context.responseMetadata.add('x-first', '1');
      context.trailers.add('x-last-bin', request.slice(0, 100));
      throw new StatusError('ABORTED', Buffer.from(request).toString('latin1').slice(0, 50));
    },
  },
  {
    kind: 'unary',
    name: 'Hold',
    call: (request, { signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(request), { once: true })),
  },
  {
    kind: 'server-stream',
    name: 'Repeat',
    async call(requests, responses) {
      for await (const request of requests) {
        for (let count = 0; count < 5; count++) if (!responses.write(request)) await responses.ready();
      }
    },
  },
  {
    kind: 'client-stream',
    name: 'Join',
    async call(requests, responses) {
      let sizeBytes = 0;
      for await (const request of requests) sizeBytes += request.length;
      responses.write(Buffer.from(String(sizeBytes)));
    },
  },
  {
    kind: 'bidi-stream',
    name: 'EchoAll',
    async call(requests, responses) {
      for await (const request of requests) if (!responses.write(request)) await responses.ready();
    },
  },
];

/** Turns after which whatever has not ended never will. */
const turnsMax = 20_000;

/** Turns within which a server that goes on has taken everything in. */
const answerTurnsMax = 200;

/** One server without its network, for one batch of inputs. */
class Batch {
  readonly #bugs: unknown[] = [];
  #clockMs = 0;
  readonly #server = new MemoryServer(
    limits,
    methods,
    (fields) => this.#bugs.push(fields),
    // Now and then a turn is over its time, so that input waits for another.
    () => (this.#clockMs += 0.1),
  );

  async run(inputs: readonly Buffer[]): Promise<string[]> {
    const clients = inputs.map((input) => new Client(input, randomOf(input), this.#server));
    for (const client of clients) client.send();
    await this.#turns(3);
    for (const { socket } of clients) socket.readOn();
    await this.#turns(3);
    const asked = clients.filter((client) => client.ask());
    for (let left = answerTurnsMax; left > 0 && asked.some((client) => !client.answered); left--)
      await this.#turns(1);
    const outcomes = clients.map((client) => client.outcome());
    for (const client of clients) client.end();
    await this.#quiet();
    assert.deepEqual(this.#bugs, []);
    return outcomes;
  }

  /**
   * What turns of the event loop bring. Those in which threads pack and unpack do not count: how many those are is
   * the machine's affair.
   */
  async #turns(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#server.compression.running === 0) left--;
    }
  }

  /** All calls have ended, and nothing is held for those that are gone. */
  async #quiet(): Promise<void> {
    for (let left = turnsMax; ; left--) {
      const rest = this.#server.rest();
      if (Object.values(rest).every((count) => count === 0)) return;
      assert.ok(left > 0, `left behind: ${JSON.stringify(rest)}`);
      await this.#turns(1);
    }
  }
}

class Client {
  readonly input: Buffer;
  readonly socket = new MemorySocket();
  readonly connection: Connection;
  readonly #random: Prng;
  #ended = false;
  #asked = false;

  constructor(input: Buffer, random: Prng, server: MemoryServer) {
    this.input = input;
    this.#random = random;
    this.socket.stalled = randomInt(random, 8) === 0;
    this.connection = server.connect(this.socket);
  }

  send(): void {
    const pieces = randomInt(this.#random, 2) === 0 ? [this.input] : split(this.#random, this.input);
    for (const piece of pieces) this.socket.push(Buffer.from(piece));
    this.#ended = randomInt(this.#random, 16) === 0;
    if (this.#ended) this.socket.push(null);
  }

  /** @returns whether there must be an answer */
  ask(): boolean {
    if (this.#ended || this.socket.destroyed) return false;
    const { awaitsNothing, badBlock } = readRequests(this.input);
    // A block that is bad must have ended the connection already.
    if (awaitsNothing && !badBlock) this.socket.push(ping);
    this.#asked = awaitsNothing || badBlock;
    return this.#asked;
  }

  /** A ping, or the last that there is to say. */
  get answered(): boolean {
    return isAnswered(Buffer.concat(this.socket.sent));
  }

  outcome(): string {
    return readAnswers(this.input, Buffer.concat(this.socket.sent), {
      asked: this.#asked,
      cutShort: this.socket.cutShort,
    });
  }

  end(): void {
    // Whatever is awaited has waited long enough.
    if (randomInt(this.#random, 8) === 0) this.connection.sweep(performance.now() + 24 * 3_600_000);
    this.socket.destroy();
  }
}

/** Whole connections: the bytes of a client in, and what comes back must make sense. */
export const connectionTarget: FuzzTarget = {
  name: 'connections',
  seeds: connectionSeeds,
  mutate: mutateFrames,
  run: (inputs) => new Batch().run(inputs),
};
