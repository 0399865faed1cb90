import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { repeats, serveInterop, type Served } from './service.js';

/** How a call failed, in the words of every library. */
export class CallError extends Error {
  /** The number of gRPC's status. */
  readonly status: number;
  readonly trailers: ReadonlyMap<string, string | Uint8Array>;

  constructor(status: number, message: string, trailers: ReadonlyMap<string, string | Uint8Array>) {
    super(message);
    this.status = status;
    this.trailers = trailers;
  }
}

export interface UnaryOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A library's client of `interop.Test`. Calls that fail reject with CallError. */
export interface InteropClient {
  unary(method: 'Echo' | 'Fail' | 'Wait', request: Uint8Array, options?: UnaryOptions): Promise<Uint8Array>;
  join(requests: readonly Uint8Array[]): Promise<Uint8Array>;
  repeat(request: Uint8Array): AsyncIterable<Uint8Array>;
  chat(requests: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  close(): void;
}

type Connect = (served: Served) => InteropClient;

interface Connected {
  readonly served: Served;
  readonly client: InteropClient;
}

async function connected(t: TestContext, connect: Connect, tls: boolean): Promise<Connected> {
  const served = await serveInterop({ tls });
  const client = connect(served);
  // In this order: not every library takes it well when the server goes first.
  t.after(() => {
    client.close();
    return served.close();
  });
  return { served, client };
}

const statusNumbers = { cancelled: 1, deadlineExceeded: 4, failedPrecondition: 9 };
const small = Buffer.from('hello');
const sizes = { small, '4 MiB': Buffer.alloc(4 * 1024 * 1024, 'four mebibytes') };

/** What a client of any library gets from the server, over TCP and TLS. */
export function interoperates(library: string, connect: Connect): void {
  for (const tls of [false, true]) {
    describe(`${library} over ${tls ? 'TLS' : 'cleartext'}`, () => {
      for (const [size, message] of Object.entries(sizes)) allKinds(size, message, connect, tls);
      ends(connect, tls);
    });
  }
}

function allKinds(size: string, message: Uint8Array, connect: Connect, tls: boolean): void {
  void it(`unary, ${size}`, async (t) => {
    const { client } = await connected(t, connect, tls);
    assertSame(await client.unary('Echo', message), message);
  });

  void it(`client streaming, ${size}`, async (t) => {
    const { client } = await connected(t, connect, tls);
    const half = message.subarray(0, message.length >> 1);
    const answer = await client.join([half, new Uint8Array(0), half, small]);
    assertSame(answer, Buffer.concat([half, half, small]));
  });

  void it(`server streaming, ${size}`, async (t) => {
    const { client } = await connected(t, connect, tls);
    let count = 0;
    for await (const response of client.repeat(message)) {
      assertSame(response, message);
      count++;
    }
    assert.equal(count, repeats);
  });

  void it(`bidirectional streaming, in step, ${size}`, async (t) => {
    const { client } = await connected(t, connect, tls);
    let answered: (() => void) | undefined;
    let count = 0;
    async function* requests(): AsyncGenerator<Uint8Array> {
      for (let turn = 0; turn < 3; turn++) {
        const answer = new Promise<void>((resolve) => (answered = resolve));
        yield message.subarray(turn);
        await answer;
      }
    }
    for await (const response of client.chat(requests())) {
      assertSame(response, message.subarray(count));
      count++;
      answered!();
    }
    assert.equal(count, 3);
  });
}

function ends(connect: Connect, tls: boolean): void {
  void it('many calls at once', async (t) => {
    const { client } = await connected(t, connect, tls);
    const requests = Array.from({ length: 500 }, (_none, at) => Buffer.from(`request ${at}`));
    const answers = await Promise.all(requests.map((request) => client.unary('Echo', request)));
    assert.deepEqual(
      answers.map((answer) => Buffer.from(answer).toString()),
      requests.map(String),
    );
  });

  void it('status, message and trailers of an error', async (t) => {
    const { client } = await connected(t, connect, tls);
    const error = await failure(client.unary('Fail', small));
    assert.equal(error.status, statusNumbers.failedPrecondition);
    assert.match(error.message, /so nicht: 50 % ü/);
    assert.equal(error.trailers.get('x-why'), 'as asked');
    assert.deepEqual(Array.from(error.trailers.get('x-why-bin') as Uint8Array), [0, 255]);
  });

  void it('a deadline, which the handler sees too', async (t) => {
    const { served, client } = await connected(t, connect, tls);
    const waiting = served.nextWaiting();
    const called: Promise<Error>[] = [];
    void waiting.then(({ aborted }) => called.push(aborted));
    // A deadline may pass before the call has reached its handler.
    for (let timeoutMs = 50; called.length === 0; timeoutMs *= 2) {
      const error = await failure(client.unary('Wait', small, { timeoutMs }));
      assert.equal(error.status, statusNumbers.deadlineExceeded);
      assert.ok(timeoutMs < 20_000, 'no call reached the handler');
    }
    await called[0];
  });

  void it('cancellation, which the handler sees', async (t) => {
    const { served, client } = await connected(t, connect, tls);
    const controller = new AbortController();
    const waiting = served.nextWaiting();
    const call = failure(client.unary('Wait', small, { signal: controller.signal }));
    const { aborted } = await waiting;
    controller.abort();
    assert.equal((await call).status, statusNumbers.cancelled);
    assert.match((await aborted).message, /the caller cancelled/);
  });
}

async function failure(call: Promise<Uint8Array>): Promise<CallError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof CallError, String(error));
    return error;
  }
  assert.fail('the call did not fail');
}

/** Large messages that differ must not be printed. */
function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.from(actual).equals(expected), 'other bytes came back');
}
