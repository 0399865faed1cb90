import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { HpackDecoder } from '../hpack/decoder.js';
import { HpackEncoder } from '../hpack/encoder.js';
import {
  ACK,
  clientPreface,
  describeFrame,
  END_HEADERS,
  END_STREAM,
  errorCodes,
  errorName,
  frame,
  FrameReader,
  grpcMessage,
  settingsPayload,
  uint32,
  type ErrorName,
  type Frame,
  type FrameType,
  type SettingName,
} from './frames.js';

/** Longer than anything that a test waits for; a wait that ends so has failed. */
const waitTimeMsMax = 20_000;

export interface RawResponse {
  /** Of the first HEADERS. */
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Buffer;
  /** Of the last HEADERS; the same as `headers` when there was one. */
  readonly trailers: ReadonlyMap<string, string>;
}

interface Waiter {
  readonly matches: (frame: Frame) => boolean;
  readonly found: (frame: Frame) => void;
  readonly lost: () => void;
}

/**
 * A client of HTTP/2 that knows no rules: it sends what it is told, broken or not, and hands out the frames that
 * come back. It acknowledges SETTINGS, and answers nothing else by itself.
 */
export class RawClient {
  readonly socket: Socket;
  /** Whether SETTINGS of the server are acknowledged at once. */
  acknowledges = true;
  /** Every frame that came, in order. */
  readonly received: Frame[] = [];
  /** Resolves when the connection is closed, by whichever side and however. */
  readonly closed: Promise<void>;
  readonly #encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });
  readonly #decoder = new HpackDecoder({ dynamicTableSizeBytesMax: 4096, headerListSizeBytesMax: 2 ** 20 });
  readonly #reader = new FrameReader();
  #unread: Frame[] = [];
  #waiters: Waiter[] = [];
  /** HEADERS and CONTINUATION until the block is whole. */
  #block: Frame[] = [];
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        resolve();
        for (const { lost } of this.#waiters.splice(0)) lost();
      });
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const each of this.#reader.push(chunk)) this.#receive(each);
    });
  }

  static async connect(port: number, tls?: ConnectionOptions): Promise<RawClient> {
    const address = { port, host: '127.0.0.1' };
    const socket = tls === undefined ? connectTcp(address) : connectTls({ ...address, ...tls });
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return new RawClient(socket);
  }

  /** A connection with the prefaces of both sides exchanged. */
  static async ready(
    port: number,
    settings: readonly (readonly [SettingName, number])[] = [],
    tls?: ConnectionOptions,
  ): Promise<RawClient> {
    const client = await RawClient.connect(port, tls);
    await client.greet(settings);
    return client;
  }

  /** Exchanges the prefaces. */
  async greet(settings: readonly (readonly [SettingName, number])[] = []): Promise<void> {
    this.preface(settings);
    await this.next(({ type, flags }) => type === 'SETTINGS' && (flags & ACK) === 0, 'SETTINGS');
    await this.next(({ type, flags }) => type === 'SETTINGS' && (flags & ACK) !== 0, 'SETTINGS ACK');
  }

  preface(settings: readonly (readonly [SettingName | number, number])[] = []): void {
    this.write(clientPreface, frame('SETTINGS', 0, 0, settingsPayload(settings)));
  }

  write(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  frame(type: FrameType | number, flags: number, streamId: number, payload?: Uint8Array): void {
    this.write(frame(type, flags, streamId, payload));
  }

  /** A header block that stands by itself: of static table and literals alone. */
  block(fields: readonly string[]): Uint8Array {
    return this.#encoder.encode(fields);
  }

  headers(streamId: number, fields: readonly string[], flags = END_HEADERS): void {
    this.frame('HEADERS', flags, streamId, this.block(fields));
  }

  data(streamId: number, payload: Uint8Array, flags = 0): void {
    this.frame('DATA', flags, streamId, payload);
  }

  settings(settings: readonly (readonly [SettingName | number, number])[]): void {
    this.frame('SETTINGS', 0, 0, settingsPayload(settings));
  }

  windowUpdate(streamId: number, increment: number): void {
    this.frame('WINDOW_UPDATE', 0, streamId, uint32(increment));
  }

  reset(streamId: number, code: ErrorName = 'CANCEL'): void {
    this.frame('RST_STREAM', 0, streamId, uint32(errorCodes[code]));
  }

  /** A whole call with one message. */
  call(streamId: number, fields: readonly string[], message: Uint8Array): void {
    this.write(
      frame('HEADERS', END_HEADERS, streamId, this.block(fields)),
      frame('DATA', END_STREAM, streamId, grpcMessage(message)),
    );
  }

  #receive(each: Frame): void {
    // Whoever has ended his side has nothing more to say.
    const mayAnswer = this.acknowledges && this.socket.writable;
    if (mayAnswer && each.type === 'SETTINGS' && (each.flags & ACK) === 0) this.frame('SETTINGS', ACK, 0);
    if (each.type !== 'HEADERS' && each.type !== 'CONTINUATION') {
      this.#publish(each);
      return;
    }
    this.#block.push(each);
    if ((each.flags & END_HEADERS) === 0) return;
    const [first, ...rest] = this.#block.splice(0);
    const block = Buffer.concat([first!, ...rest].map(({ payload }) => payload));
    const { fields } = this.#decoder.decode(block, 0, block.length);
    for (const part of [{ ...first!, fields }, ...rest]) this.#publish(part);
  }

  #publish(each: Frame): void {
    this.received.push(each);
    const at = this.#waiters.findIndex(({ matches }) => matches(each));
    if (at < 0) this.#unread.push(each);
    else this.#waiters.splice(at, 1)[0]!.found(each);
  }

  /**
   * The first frame that fits and was not handed out before.
   * @throws AssertionError when the connection is closed before it comes
   */
  async next(matches: (frame: Frame) => boolean, what: string): Promise<Frame> {
    const at = this.#unread.findIndex(matches);
    if (at >= 0) return this.#unread.splice(at, 1)[0]!;
    if (this.#isClosed) this.#fail(what, 'the connection is closed');
    const found = await new Promise<Frame | string>((resolve) => {
      const timer = setTimeout(() => resolve('nothing came'), waitTimeMsMax);
      const settle = (outcome: Frame | string): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      this.#waiters.push({
        matches,
        found: settle,
        lost: () => settle('the connection was closed'),
      });
    });
    return typeof found === 'string' ? this.#fail(what, found) : found;
  }

  #fail(what: string, why: string): never {
    const last = this.received.slice(-20).map(describeFrame);
    assert.fail(`waited for ${what}, ${why}; received:\n  ${last.join('\n  ')}`);
  }

  /** A frame of a type, on a stream; 0 is the connection. */
  nextOf(type: FrameType, streamId = 0): Promise<Frame> {
    return this.next(
      (each) => each.type === type && each.streamId === streamId,
      `${type} on stream ${streamId}`,
    );
  }

  /** GOAWAY with one of these codes, and the end of the connection behind it. */
  async connectionError(...codes: readonly ErrorName[]): Promise<void> {
    this.#checkCode(await this.nextOf('GOAWAY'), 4, codes);
    await this.closed;
  }

  /** RST_STREAM with one of these codes; the connection goes on. */
  async streamError(streamId: number, ...codes: readonly ErrorName[]): Promise<void> {
    this.#checkCode(await this.nextOf('RST_STREAM', streamId), 0, codes);
    await this.alive();
  }

  #checkCode(each: Frame, at: number, codes: readonly ErrorName[]): void {
    const name = errorName(each.payload.readUInt32BE(at));
    assert.ok(
      (codes as readonly string[]).includes(name),
      `${describeFrame(each)}, not ${codes.join(' or ')}`,
    );
  }

  /** What was sent so far has been read by the other side, and the connection goes on. */
  async alive(): Promise<void> {
    const payload = Buffer.from(String(this.received.length).padStart(8, '0'));
    this.frame('PING', 0, 0, payload);
    await this.next(
      (each) => each.type === 'PING' && each.flags === ACK && each.payload.equals(payload),
      'PING ACK',
    );
    const failed = this.received.find(
      ({ type, payload: sent }) => type === 'GOAWAY' && sent.readUInt32BE(4) !== 0,
    );
    assert.equal(failed && describeFrame(failed), undefined);
  }

  /** Everything up to END_STREAM. */
  async response(streamId: number): Promise<RawResponse> {
    const data: Buffer[] = [];
    let headers: ReadonlyMap<string, string> | undefined;
    for (;;) {
      const each = await this.next((other) => other.streamId === streamId, `an answer on stream ${streamId}`);
      if (each.type === 'RST_STREAM') assert.fail(describeFrame(each));
      let trailers = headers;
      if (each.type === 'DATA') data.push(each.payload);
      if (each.fields !== undefined) {
        trailers = asMap(each.fields);
        headers ??= trailers;
      }
      if (
        headers !== undefined &&
        (each.type === 'DATA' || each.type === 'HEADERS') &&
        each.flags & END_STREAM
      ) {
        return { headers, data: Buffer.concat(data), trailers: trailers! };
      }
    }
  }

  /** Waits for something while the server's pings are answered. */
  async answeringPings<T>(wait: () => Promise<T>): Promise<T> {
    let waiting = true;
    const answer = async (): Promise<void> => {
      while (waiting) {
        const ping = await this.next(
          (each) => !waiting || (each.type === 'PING' && each.flags === 0),
          'PING',
        );
        if (ping.type === 'PING') this.frame('PING', ACK, 0, ping.payload);
      }
    };
    void answer().catch(() => {});
    return wait().finally(() => (waiting = false));
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

function asMap(fields: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (let at = 0; at < fields.length; at += 2) map.set(fields[at]!, fields[at + 1]!);
  return map;
}
