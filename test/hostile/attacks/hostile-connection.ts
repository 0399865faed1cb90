import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HpackEncoder } from '../../../src/grpc/hpack/encoder.js';
import {
  ACK,
  clientPreface,
  END_HEADERS,
  END_STREAM,
  frame,
  FrameReader,
  grpcMessage,
  settingsPayload,
  uint32,
  type Frame,
  type SettingName,
} from '../../../src/grpc/testing/frames.js';

/**
 * What is done with what the member sends: nothing, so that it stays in the member; it is thrown away; or frames
 * are looked at, so that its windows are kept, and nothing more is sent behind a GOAWAY.
 */
export type Reading = 'nothing' | 'thrown-away' | 'frames';

/** What both sides may send before they are told more (RFC 9113, section 6.9.2). */
const windowBytesDefault = 65_535;
const dataSizeBytesMax = 16_384;

/** A connection of HTTP/2 that keeps no rule but those that keep it alive. */
export class HostileConnection {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** Told of each frame, if frames are read. */
  onFrame: ((frame: Frame) => void) | undefined;
  readonly #encoder = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });
  readonly #reader = new FrameReader();
  /** What may be sent, by stream; 0 is the connection. */
  readonly #windows = new Map<number, number>([[0, windowBytesDefault]]);
  #streamWindowBytes = windowBytesDefault;
  #changed: (() => void)[] = [];
  /** Resolves when the member has said GOAWAY: a flood that it reads no more need not be waited for. */
  readonly #dismissal: Promise<void>;
  #dismiss = (): void => {};
  #nextId = 1;
  #dismissed = false;

  constructor(
    socket: Socket,
    reading: Reading,
    settings: readonly (readonly [SettingName | number, number])[] = [],
  ) {
    this.socket = socket;
    this.#dismissal = new Promise((resolve) => {
      this.#dismiss = () => {
        this.#dismissed = true;
        resolve();
      };
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
        this.#change();
      });
    });
    if (reading === 'thrown-away') socket.resume();
    else if (reading === 'frames') socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // The acknowledgement is for settings that come in any case: it need not wait for them.
    const acknowledged = frame('SETTINGS', ACK, 0);
    socket.write(
      Buffer.concat([clientPreface, frame('SETTINGS', 0, 0, settingsPayload(settings)), acknowledged]),
    );
  }

  get isOpen(): boolean {
    return !this.#dismissed && !this.socket.destroyed && this.socket.writable;
  }

  /** Ids of client streams, one after the other. */
  nextId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  /** Resolves when the socket takes more. @returns whether the connection is still open */
  async send(...parts: readonly Uint8Array[]): Promise<boolean> {
    if (!this.isOpen) return false;
    if (this.socket.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts))) {
      // Where the kernel takes all at once, nothing else would ever be waited for, the end of the time neither.
      await nextTurn();
      return true;
    }
    const controller = new AbortController();
    const { signal } = controller;
    const drained = once(this.socket, 'drain', { signal }).catch(() => {});
    await Promise.race([drained, this.closed, this.#dismissal]);
    controller.abort();
    return this.isOpen;
  }

  /** A header block of static table and literals alone, which may be sent again and again. */
  block(fields: readonly string[]): Uint8Array {
    return this.#encoder.encode(fields).slice();
  }

  /** As many streams as one chunk of reasonable size, with the same header block. */
  async open(
    count: number,
    block: Uint8Array,
    flags: number,
    more?: (id: number) => Uint8Array,
  ): Promise<boolean> {
    const perChunk = 256;
    for (let opened = 0; opened < count; opened += perChunk) {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < Math.min(perChunk, count - opened); at++) {
        const id = this.nextId();
        parts.push(frame('HEADERS', flags | END_HEADERS, id, block));
        if (more !== undefined) parts.push(more(id));
      }
      if (!(await this.send(...parts))) return false;
    }
    return true;
  }

  /** Opens the window of the connection as far as it goes. */
  openWindow(): void {
    this.socket.write(frame('WINDOW_UPDATE', 0, 0, uint32(2 ** 31 - 1 - windowBytesDefault)));
  }

  /** Sends bytes on a stream as the windows allow; frames must be read. @returns whether all of it was sent */
  async sendData(id: number, bytes: Uint8Array, isLast: boolean): Promise<boolean> {
    this.#windows.set(id, this.#windows.get(id) ?? this.#streamWindowBytes);
    for (let at = 0; at < bytes.length;) {
      const window = Math.min(this.#windows.get(0)!, this.#windows.get(id) ?? 0, dataSizeBytesMax);
      if (window <= 0) {
        if (!this.#windows.has(id) || !this.isOpen) return false;
        await new Promise<void>((resolve) => this.#changed.push(resolve));
        continue;
      }
      const part = bytes.subarray(at, at + window);
      at += part.length;
      this.#grow(0, -part.length);
      this.#grow(id, -part.length);
      const flags = isLast && at === bytes.length ? END_STREAM : 0;
      if (!(await this.send(frame('DATA', flags, id, part)))) return false;
    }
    return true;
  }

  #grow(id: number, byBytes: number): void {
    this.#windows.set(id, (this.#windows.get(id) ?? this.#streamWindowBytes) + byBytes);
  }

  #change(): void {
    for (const tell of this.#changed.splice(0)) tell();
  }

  #read(chunk: Buffer): void {
    for (const each of this.#reader.push(chunk)) {
      this.onFrame?.(each);
      if (each.type === 'WINDOW_UPDATE') this.#grow(each.streamId, each.payload.readUInt32BE());
      else if (each.type === 'RST_STREAM') this.#windows.delete(each.streamId);
      else if (each.type === 'SETTINGS') this.#readSettings(each.payload);
      else if (each.type === 'GOAWAY') this.#dismiss();
      else continue;
      this.#change();
    }
  }

  #readSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== 4) continue;
      const value = payload.readUInt32BE(at + 2);
      for (const id of this.#windows.keys()) if (id !== 0) this.#grow(id, value - this.#streamWindowBytes);
      this.#streamWindowBytes = value;
    }
  }
}

/** The header list of a call. */
export function callFields(path: string, ...more: readonly string[]): readonly string[] {
  return [
    ...[':method', 'POST', ':scheme', 'http', ':path', path, ':authority', 'kvorum'],
    ...['content-type', 'application/grpc', 'te', 'trailers', ...more],
  ];
}

/** DATA with one message, and the end of the stream. */
export function lastMessage(message: Uint8Array): (id: number) => Uint8Array {
  const bytes = grpcMessage(message);
  return (id) => frame('DATA', END_STREAM, id, bytes);
}
