import assert from 'node:assert/strict';
import { Prng, randomInt } from '../../src/base/prng.js';
import { END_STREAM, grpcMessage, uint32 } from '../../src/grpc/testing/frames.js';
import { RawClient } from '../../src/grpc/testing/raw-client.js';
import { echoFields } from '../../src/grpc/testing/requests.js';

/** What was done to the server. */
export interface Deeds {
  connections: number;
  /** Calls that ended with the status that they had to end with. */
  calls: number;
  /** Calls that the client reset. */
  resets: number;
  /** Connections that ended in the middle of calls. */
  abandoned: number;
}

const stepsMax = 12;
const request = Buffer.alloc(200, 'soak');

/** One connection after the other, each with a life drawn by chance, until it is told to stop. */
export class Lives {
  readonly #port: number;
  readonly #random: Prng;
  readonly #pauseMs: number;
  readonly deeds: Deeds = { connections: 0, calls: 0, resets: 0, abandoned: 0 };
  #stopped = false;
  readonly #steps = [
    (client: RawClient, id: number) => this.#unary(client, id),
    (client: RawClient, id: number) => this.#chat(client, id),
    (client: RawClient, id: number) => this.#expire(client, id),
    (client: RawClient, id: number) => this.#resetStream(client, id),
    (client: RawClient, id: number) => this.#resetUnread(client, id),
    (client: RawClient, id: number) => this.#leaveOpen(client, id),
  ];

  /** @param pauseMs between two steps of a connection, on average */
  constructor(port: number, seed: number, pauseMs: number) {
    this.#port = port;
    this.#random = new Prng(seed);
    this.#pauseMs = pauseMs;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Rejects when the server answers other than it must. */
  async run(): Promise<void> {
    // Not all at once: the queue of connections that wait to be accepted is short.
    await this.#pause();
    while (!this.#stopped) await this.#live();
  }

  async #live(): Promise<void> {
    const client = await RawClient.connect(this.#port);
    try {
      await this.#use(client);
    } finally {
      await client.close();
    }
  }

  async #use(client: RawClient): Promise<void> {
    await client.greet();
    this.deeds.connections++;
    client.windowUpdate(0, 2 ** 30);
    const steps = 1 + randomInt(this.#random, stepsMax);
    for (let step = 0; step < steps && !this.#stopped; step++) {
      await this.#steps[randomInt(this.#random, this.#steps.length)]!(client, 1 + 2 * step);
      client.received.length = 0;
      await this.#pause();
    }
    await this.#end(client);
  }

  /** The whole of a connection ends in one of the ways that there are. */
  async #end(client: RawClient): Promise<void> {
    const { socket } = client;
    this.deeds.abandoned++;
    switch (randomInt(this.#random, 4)) {
      case 0:
        socket.resetAndDestroy();
        break;
      case 1:
        // Calls that it has left open are not cut off for that: their answers are awaited until it goes.
        socket.end();
        await this.#pause();
        socket.destroy();
        break;
      case 2:
        // Within a frame.
        client.write(Buffer.of(0, 0, 9, 0));
        socket.end();
        break;
      default:
        socket.destroy();
    }
    await client.closed;
  }

  async #pause(): Promise<void> {
    const ms = randomInt(this.#random, 2 * this.#pauseMs + 1);
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  async #unary(client: RawClient, id: number): Promise<void> {
    client.call(id, echoFields('Later'), request);
    const { data, trailers } = await client.response(id);
    assert.deepEqual(data, grpcMessage(request));
    this.#ended(trailers, '0');
  }

  async #chat(client: RawClient, id: number): Promise<void> {
    client.headers(id, echoFields('EchoAll'));
    for (let count = 1 + randomInt(this.#random, 5); count > 0; count--) {
      client.data(id, grpcMessage(request));
      assert.deepEqual((await client.nextOf('DATA', id)).payload, grpcMessage(request));
    }
    client.data(id, new Uint8Array(0), END_STREAM);
    this.#ended((await client.response(id)).trailers, '0');
  }

  async #expire(client: RawClient, id: number): Promise<void> {
    client.call(id, echoFields('Hold', 'grpc-timeout', '20m'), request);
    this.#ended((await client.response(id)).trailers, '4');
  }

  #ended(trailers: ReadonlyMap<string, string>, status: string): void {
    assert.equal(trailers.get('grpc-status'), status);
    this.deeds.calls++;
  }

  async #resetStream(client: RawClient, id: number): Promise<void> {
    client.headers(id, echoFields('EchoAll'));
    client.data(id, grpcMessage(request));
    await client.nextOf('DATA', id);
    // Within a message.
    client.data(id, grpcMessage(request).subarray(0, 100));
    this.#reset(client, id);
  }

  /** More is to be sent than the windows and buffers take. */
  async #resetUnread(client: RawClient, id: number): Promise<void> {
    client.call(id, echoFields('Repeat'), Buffer.concat([uint32(1000), Buffer.alloc(1000)]));
    await client.nextOf('DATA', id);
    this.#reset(client, id);
  }

  #reset(client: RawClient, id: number): void {
    client.reset(id);
    this.deeds.resets++;
  }

  /** Ends with its connection. */
  #leaveOpen(client: RawClient, id: number): Promise<void> {
    if (randomInt(this.#random, 2) === 0) client.call(id, echoFields('Hold'), request);
    else client.headers(id, echoFields('Ignore'));
    return Promise.resolve();
  }
}
