import assert from 'node:assert/strict';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { serveMember } from '../api/testing/served-member.js';
import { StatusResponse } from '../generated/kvorum.js';
import { connect, type KvorumClient } from './client.js';
import { Connection } from './connection.js';
import { listen, serveSockets } from './testing/sockets.js';

const head = { ':status': 200, 'content-type': 'application/grpc' } as const;
const name = 'ä'.repeat(40_000);
const message = StatusResponse.encode({ ...StatusResponse.decode(new Uint8Array(0)), name }).finish();

function framed(bytes: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Sends an answer in these parts, and then its end. */
function answerWith(
  stream: ServerHttp2Stream,
  parts: readonly Uint8Array[],
  end: Readonly<Record<string, string>> = { 'grpc-status': '0' },
): void {
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(end));
  for (const part of parts) stream.write(part);
  stream.end();
}

const headersFrame = 1;

/** Reads what a client sends on one connection (RFC 9113, sections 3.4 and 4.1). */
class FrameTypes {
  /** The preface first. */
  #skip = 24;
  #held: Buffer = Buffer.alloc(0);

  /** @returns the types of the frames whose heads have come */
  push(chunk: Buffer): number[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const types: number[] = [];
    while (this.#held.length >= this.#skip + 9) {
      types.push(this.#held[this.#skip + 3]!);
      this.#skip += 9 + this.#held.readUIntBE(this.#skip, 3);
    }
    return types;
  }
}

async function serve(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream, path: string) => void,
  timeoutMs = 60_000,
): Promise<KvorumClient> {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    // The client resets what it takes no more of.
    stream.on('error', () => {});
    onStream(stream, String(headers[':path']));
  });
  const client = connect({ endpoints: await listen(t, server), timeoutMs, connectTriesMax: 1 });
  t.after(() => client.close());
  return client;
}

describe('a unary call', () => {
  it('takes an answer in any parts', async (t) => {
    const whole = framed(message);
    const cuts = [[], [1], [5], [3, 4, 6], [5, 5 + 16_384, whole.length - 1]];
    let call = 0;
    const client = await serve(t, (stream) => {
      const ends = [...cuts[call++]!, whole.length];
      answerWith(
        stream,
        ends.map((end, at) => whole.subarray(ends[at - 1] ?? 0, end)),
      );
    });
    while (call < cuts.length) assert.equal((await client.status()).name, name);
  });

  const wrong: [string, readonly Buffer[], string, RegExp][] = [
    ['packed, unasked', [framed(message, 1)], 'INTERNAL', /packed/],
    ['two answers', [framed(message), framed(message)], 'INTERNAL', /more than one answer/],
    ['a part of one', [framed(message).subarray(0, 100)], 'INTERNAL', /cut off/],
    ['no answer', [], 'INTERNAL', /cut off/],
    [
      'too long',
      [framed(message).fill(0x7f, 1, 5)],
      'LIMIT_EXCEEDED',
      /^the response is \d+ bytes long, the limit/,
    ],
  ];
  for (const [what, parts, code, text] of wrong) {
    it(`refuses an answer that is ${what}`, async (t) => {
      const client = await serve(t, (stream) => answerWith(stream, parts));
      await assert.rejects(client.members(), { code, message: text });
      // Of a write it cannot be told what it did.
      await assert.rejects(client.removeMember('a'), { code: 'OUTCOME_UNKNOWN' });
    });
  }

  it('tells what a member says of an error, and what a gRPC of others does', async (t) => {
    let end: Record<string, string> = {};
    const client = await serve(t, (stream) => stream.respond({ ...head, ...end }, { endStream: true }));
    const cases: [Record<string, string>, string, string | RegExp][] = [
      [
        { 'grpc-status': '3', 'grpc-message': 'f%C3%BCr%0A', 'kvorum-error': 'INVALID_KEY' },
        'INVALID_KEY',
        'für\n',
      ],
      [{ 'grpc-status': '3', 'grpc-message': '50%', 'kvorum-error': 'INVALID_KEY' }, 'INVALID_KEY', '50%'],
      [{ 'grpc-status': '3', 'kvorum-error': 'OF_LATER' }, 'INTERNAL', ''],
      [
        { 'grpc-status': '12', 'grpc-message': 'what?' },
        'INVALID_REQUEST',
        /is it a Kvorum server\? \(what\?\)$/,
      ],
      [{ 'grpc-status': '8', 'grpc-message': 'full' }, 'LIMIT_EXCEEDED', 'full'],
      [{ 'grpc-status': '16', 'grpc-message': 'who?' }, 'INTERNAL', /who\?$/],
    ];
    for (const [fields, code, text] of cases) {
      end = fields;
      await assert.rejects(client.members(), { code, message: text });
    }
  });

  it('says of an answer of plain HTTP that it is none of gRPC', async (t) => {
    let fields: Record<string, string | number> = {};
    const client = await serve(
      t,
      (stream) => {
        stream.respond(fields);
        stream.end('<html>');
      },
      2000,
    );
    const cases: [Record<string, string | number>, string, RegExp][] = [
      [{ ':status': 404 }, 'INVALID_REQUEST', /is it a Kvorum server\? \(HTTP status 404\)$/],
      [{ ':status': 418 }, 'INTERNAL', /HTTP status 418: is it a Kvorum server\?$/],
      [{ ':status': 200, 'content-type': 'text/html' }, 'INTERNAL', /content of type text\/html/],
      [{ ':status': 503 }, 'SERVER_UNREACHABLE', /was lost$/],
    ];
    for (const [given, code, text] of cases) {
      fields = given;
      await assert.rejects(client.members(), { code, message: text });
    }
  });

  it('is known to have done nothing if the server goes away before it looks at it, whatever the reason', async (t) => {
    let requestCount = 0;
    const endpoint = await serveSockets(t, (socket) => {
      const frames = new FrameTypes();
      socket.write(Buffer.from('000000040000000000', 'hex'));
      socket.on('data', (chunk: Buffer) => {
        if (!frames.push(chunk).includes(headersFrame)) return;
        requestCount += 1;
        // GOAWAY: no stream was looked at, and the reason is an internal error.
        socket.end(Buffer.from('0000080700000000000000000000000002', 'hex'));
      });
    });
    const client = connect({ endpoints: endpoint, timeoutMs: 1500 });
    t.after(() => client.close());
    await assert.rejects(client.removeMember('a'), { code: 'SERVER_UNREACHABLE', outcome: 'not-applied' });
    assert.ok(requestCount > 1, 'it was tried again');
  });

  it('may go on beside any number of others', async (t) => {
    const { port } = await serveMember(t);
    const client = connect({ endpoints: `127.0.0.1:${port}` });
    t.after(() => client.close());
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    await Promise.all(Array.from({ length: 200 }, () => client.members()));
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  it('sends nothing on a connection that is closed', async (t) => {
    const { port } = await serveMember(t);
    const connection = new Connection(`127.0.0.1:${port}`, 1000);
    const path = '/kvorum.v1.Cluster/MemberList';
    await assert.rejects(connection.call(path, new Uint8Array(0), 1000), { outcome: 'not-applied' });
    assert.equal(await connection.connect(60_000), undefined);
    assert.ok((await connection.call(path, new Uint8Array(0), 60_000)).length > 0);
    connection.close();
    await assert.rejects(connection.call(path, new Uint8Array(0), 1000), { outcome: 'not-applied' });
  });
});
