import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { grpcMessage } from '../../src/grpc/testing/frames.js';
import { decode, encode, serveInterop } from '../interop/service.js';
import { etcdServices } from './etcd-service.js';
import { python, skipUnlessInstalled, skipUnlessPythonGrpc } from './needs.js';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const script = fileURLToPath(new URL('../../../test/debian/interop_client.py', import.meta.url));

interface Target {
  readonly address: string;
  readonly url: string;
  /** A folder for the test's files. */
  readonly folder: string;
  /** With TLS, the file of the certificate to trust. */
  readonly certificate: string | undefined;
}

async function serve(t: TestContext, tls: boolean): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-interop-'));
  t.after(() => rm(folder, { recursive: true }));
  const served = await serveInterop({ tls, services: etcdServices() });
  t.after(() => served.close());
  const { port, ca } = served;
  const certificate = ca === undefined ? undefined : join(folder, 'certificate.pem');
  if (certificate !== undefined) await writeFile(certificate, ca!);
  const address = `localhost:${port}`;
  return { address, url: `${tls ? 'https' : 'http'}://${address}`, folder, certificate };
}

function overBoth(what: string, body: (t: TestContext, tls: boolean) => Promise<void>): void {
  for (const tls of [false, true]) void it(`${what}, over ${tls ? 'TLS' : 'cleartext'}`, (t) => body(t, tls));
}

describe('python3-grpcio (the C core)', { skip: skipUnlessPythonGrpc() }, () => {
  overBoth('calls of all kinds, small and of 4 MiB', async (t, tls) => {
    const { address, certificate } = await serve(t, tls);
    const args = [script, address, ...(certificate === undefined ? [] : [certificate])];
    const { stdout } = await run(python, args, { timeout: 120_000 });
    const kinds = { unary: true, clientStreaming: true, serverStreaming: true, bidirectional: true };
    assert.deepEqual(JSON.parse(stdout), {
      small: kinds,
      large: kinds,
      failed: ['FAILED_PRECONDITION', 'so nicht: 50 % ü', 'as asked', [0, 255]],
      deadline: 'DEADLINE_EXCEEDED',
      cancelled: true,
      manyAtOnce: true,
    });
  });
});

describe('etcdctl (grpc-go)', { skip: skipUnlessInstalled('etcdctl') }, () => {
  const command = ({ url, certificate }: Target, ...args: readonly string[]): string[] => [
    `--endpoints=${url}`,
    ...(certificate === undefined ? [] : [`--cacert=${certificate}`]),
    ...args,
  ];
  const options = { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 60_000, maxBuffer: 16 * mebibyte };

  /** What it puts is at most 2 MiB long, by a limit of its own. */
  const values = { small: 'value', large: 'v'.repeat(2 * mebibyte - 1000) };

  overBoth('put and get, small and of 2 MiB', async (t, tls) => {
    const target = await serve(t, tls);
    for (const [key, value] of Object.entries(values)) {
      const put = run('etcdctl', command(target, 'put', key), options);
      put.child.stdin!.end(value);
      assert.equal((await put).stdout, 'OK\n');
      const { stdout } = await run('etcdctl', command(target, 'get', key, '--print-value-only'), options);
      assert.ok(stdout === `${value}\n`, `${key}: another value came back`);
    }
    assert.equal((await run('etcdctl', command(target, 'get', 'missing'), options)).stdout, '');
  });

  overBoth('watch', async (t, tls) => {
    const target = await serve(t, tls);
    const watch = spawn('etcdctl', command(target, 'watch', 'key'), { ...options, timeout: undefined });
    t.after(() => watch.kill('SIGKILL'));
    let printed = '';
    watch.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    // It does not say when it watches; so the key is put until it is seen.
    let puts = 0;
    while (printed === '') {
      puts++;
      await run('etcdctl', command(target, 'put', 'key', `value ${puts}`), options);
    }
    await run('etcdctl', command(target, 'put', 'key', 'last'), options);
    while (!printed.includes('PUT\nkey\nlast\n')) await once(watch.stdout, 'data');
    assert.match(printed, /^(PUT\nkey\nvalue \d+\n)+PUT\nkey\nlast\n$/);
  });
});

describe('h2load', { skip: skipUnlessInstalled('h2load') }, () => {
  const loads = {
    small: { value: Buffer.from('hello'), requests: 20_000 },
    '4 MiB': { value: Buffer.alloc(4 * mebibyte), requests: 40 },
  };
  for (const [size, { value, requests }] of Object.entries(loads)) {
    overBoth(`unary calls, ${size}`, async (t, tls) => {
      const { url, folder } = await serve(t, tls);
      const message = grpcMessage(encode(value));
      const body = join(folder, 'body');
      await writeFile(body, message);
      const { stdout } = await run(
        'h2load',
        [
          ...[`--requests=${requests}`, '--clients=4', '--max-concurrent-streams=10', `--data=${body}`],
          ...['--header=content-type: application/grpc', '--header=te: trailers'],
          `${url}/interop.Test/Echo`,
        ],
        { timeout: 120_000 },
      );
      assert.match(stdout, new RegExp(`${requests} succeeded, 0 failed, 0 errored, 0 timeout`));
      // An answer that is an error has no content.
      assert.match(stdout, new RegExp(`\\(${requests * message.length}\\) data`));
    });
  }
});

describe('curl', { skip: skipUnlessInstalled('curl') }, () => {
  overBoth('pages, by HTTP/2 and HTTP/1.1', async (t, tls) => {
    const { url, certificate } = await serve(t, tls);
    const trust = certificate === undefined ? [] : ['--cacert', certificate];
    for (const [flag, version] of [
      [tls ? '--http2' : '--http2-prior-knowledge', '2'],
      ['--http1.1', '1.1'],
    ] as const) {
      const args = ['--silent', flag, ...trust, '--write-out', ' %{http_version}', `${url}/health`];
      assert.equal((await run('curl', args)).stdout, `GET /health ${version}`);
    }
  });

  /** Sends the bytes of messages, and gives those that came back, and the trailers. */
  async function call(
    { url, folder, certificate }: Target,
    method: string,
    messages: readonly Uint8Array[],
  ): Promise<{ values: Uint8Array[]; status: string }> {
    const [body, fields, answer] = ['body', 'fields', 'answer'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(body, Buffer.concat(messages.map((message) => grpcMessage(encode(message)))));
    const { stdout } = await run('curl', [
      ...['--silent', '--show-error', '--max-time', '60'],
      ...(certificate === undefined ? ['--http2-prior-knowledge'] : ['--http2', '--cacert', certificate]),
      ...['--header', 'content-type: application/grpc', '--header', 'te: trailers'],
      ...['--data-binary', `@${body}`, '--dump-header', fields, '--output', answer],
      ...['--write-out', '%{http_version} %{http_code}', `${url}/interop.Test/${method}`],
    ]);
    assert.equal(stdout, '2 200');
    const status = /^grpc-status: (\d+)/m.exec(await readFile(fields, 'latin1'))?.[1] ?? 'none';
    return { values: messagesOf(await readFile(answer)), status };
  }

  for (const [size, message] of Object.entries({
    small: Buffer.from('hello'),
    '4 MiB': Buffer.alloc(4 * mebibyte, 'm'),
  })) {
    overBoth(`calls of all kinds, ${size}`, async (t, tls) => {
      const target = await serve(t, tls);
      const expected = {
        Echo: [[message], [message]],
        Join: [[message, message], [Buffer.concat([message, message])]],
        Repeat: [[message], [message, message, message]],
        Chat: [
          [message, message],
          [message, message],
        ],
      } as const;
      for (const [method, [requests, responses]] of Object.entries(expected)) {
        const { values, status } = await call(target, method, requests);
        assert.equal(status, '0');
        assert.ok(Buffer.concat(values).equals(Buffer.concat(responses)), `${method}: other bytes came back`);
        assert.equal(values.length, responses.length);
      }
    });
  }
});

function messagesOf(bytes: Buffer): Uint8Array[] {
  const values: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    values.push(decode(bytes.subarray(at + 5, end)));
    at = end;
  }
  return values;
}
