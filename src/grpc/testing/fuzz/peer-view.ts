import assert from 'node:assert/strict';
import { HpackDecoder } from '../../hpack/decoder.js';
import {
  ACK,
  describeFrame,
  END_HEADERS,
  END_STREAM,
  errorName,
  frame,
  FrameReader,
  PADDED,
  PRIORITY,
  settingIds,
  type Frame,
} from '../frames.js';

/** Asks whether the server still takes frames in. */
export const ping = frame('PING', 0, 0, Buffer.from('anybody?'));
const pingAck = frame('PING', ACK, 0, Buffer.from('anybody?'));

/** Whether the server has answered `ping`, or said that it ends. */
export function isAnswered(output: Buffer): boolean {
  return output.includes(pingAck) || new FrameReader().push(output).some(({ type }) => type === 'GOAWAY');
}

/** What the bytes of a client can have meant to a server that took all of them. */
export interface Requests {
  /** No frame and no header block is waiting for its end: a ping would be one. */
  readonly awaitsNothing: boolean;
  readonly streamIds: ReadonlySet<number>;
  /** The most that the server may send on the connection. */
  readonly windowBytes: number;
  readonly frameSizeBytesMax: number;
  readonly headerTableSizeBytesMax: number;
  readonly settings: number;
  readonly pings: number;
  /** A header block cannot be decoded: if nothing ends the connection before, that must. */
  readonly badBlock: boolean;
}

export function readRequests(input: Buffer): Requests {
  const frames = new FrameReader().push(input);
  const streamIds = new Set<number>();
  let readBytes = 0;
  const blocks = new RequestBlocksView();
  let windowBytes = 65_535;
  let frameSizeBytesMax = 16_384;
  let headerTableSizeBytesMax = 4096;
  let settings = 0;
  let pings = 0;
  for (const { type, flags, streamId, payload } of frames) {
    readBytes += 9 + payload.length;
    if (type === 'HEADERS' || type === 'CONTINUATION') blocks.take({ type, flags, streamId, payload });
    if (type === 'HEADERS') streamIds.add(streamId);
    if (type === 'PING') pings++;
    if (type === 'WINDOW_UPDATE' && streamId === 0 && payload.length === 4) {
      windowBytes += payload.readUInt32BE() & 0x7fff_ffff;
    }
    if (type !== 'SETTINGS') continue;
    settings++;
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const id = payload.readUInt16BE(at);
      if (id === settingIds.MAX_FRAME_SIZE) frameSizeBytesMax = Math.max(frameSizeBytesMax, value);
      if (id === settingIds.HEADER_TABLE_SIZE)
        headerTableSizeBytesMax = Math.max(headerTableSizeBytesMax, value);
    }
  }
  const awaitsNothing = readBytes === input.length && !blocks.midBlock;
  return {
    awaitsNothing,
    badBlock: blocks.bad,
    streamIds,
    windowBytes,
    frameSizeBytesMax,
    headerTableSizeBytesMax,
    settings,
    pings,
  };
}

/** The header blocks of a client, decoded one after the other, none remembered. */
class RequestBlocksView {
  readonly #decoder = new HpackDecoder({ dynamicTableSizeBytesMax: 4096, headerListSizeBytesMax: 0 });
  #parts: Buffer[] = [];
  midBlock = false;
  bad = false;

  take({ type, flags, payload }: Frame): void {
    if (type === 'HEADERS') this.#parts = [];
    this.#parts.push(type === 'HEADERS' ? fragment(flags, payload) : payload);
    this.midBlock = (flags & END_HEADERS) === 0;
    if (this.midBlock || this.bad) return;
    const block = Buffer.concat(this.#parts);
    try {
      this.#decoder.decode(block, 0, block.length);
    } catch {
      this.bad = true;
    }
  }
}

/** Without padding and priority; nothing of what is wrong in another way. */
function fragment(flags: number, payload: Buffer): Buffer {
  const padding = (flags & PADDED) === 0 ? 0 : 1 + (payload[0] ?? 0);
  const from = (padding > 0 ? 1 : 0) + ((flags & PRIORITY) === 0 ? 0 : 5);
  return payload.subarray(from, Math.max(from, payload.length - Math.max(0, padding - 1)));
}

export interface Reading {
  /** The client waited for an answer: to `ping`, which it sent behind the input, or to a block that is bad. */
  readonly asked: boolean;
  /** The server cut the connection off while the client took nothing. */
  readonly cutShort: boolean;
}

/**
 * Checks what a server sent to a client that sent `input`.
 *
 * @returns what happened, in short
 */
export function readAnswers(input: Buffer, output: Buffer, { asked, cutShort }: Reading): string {
  const requests = readRequests(input);
  const frames = new FrameReader().push(output);
  const outputBytes = frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0);
  if (!cutShort) assert.equal(outputBytes, output.length, 'the output ends within a frame');
  const view = new AnswersView(requests);
  try {
    for (const each of frames) view.take(each);
    view.end();
    if (asked) assert.ok(isAnswered(output), 'the server does not answer');
  } catch (error) {
    const said = frames.map(describeFrame).join('\n  ');
    throw new Error(`what the server sent makes no sense:\n  ${said}`, { cause: error });
  }
  return [...view.happened].sort().join(', ');
}

class AnswersView {
  readonly happened = new Set<string>();
  readonly #requests: Requests;
  readonly #decoder: HpackDecoder;
  /** Streams on which the server has sent its last, and those that it has reset. */
  readonly #ended = new Set<number>();
  readonly #reset = new Set<number>();
  #frames = 0;
  #block: Buffer[] | undefined;
  #blockStreamId = 0;
  #blockEnds = false;
  #dataBytes = 0;
  #settingsAcks = 0;
  #pingAcks = 0;
  #failed = false;

  constructor(requests: Requests) {
    this.#requests = requests;
    this.#decoder = new HpackDecoder({
      dynamicTableSizeBytesMax: requests.headerTableSizeBytesMax,
      headerListSizeBytesMax: 2 ** 20,
    });
  }

  take(each: Frame): void {
    const { type, flags, streamId, payload } = each;
    assert.ok(!this.#failed, 'a frame behind GOAWAY with an error');
    assert.ok(payload.length <= this.#requests.frameSizeBytesMax);
    if (this.#frames++ === 0)
      assert.ok(type === 'SETTINGS' && flags === 0, 'the first frame is not SETTINGS');
    if (this.#block !== undefined) assert.ok(type === 'CONTINUATION' && streamId === this.#blockStreamId);
    switch (type) {
      case 'SETTINGS':
        assert.equal(streamId, 0);
        if (flags === ACK) this.#settingsAcks++;
        else assert.equal(this.#frames, 1);
        break;
      case 'PING':
        assert.equal(payload.length, 8);
        if (flags === ACK) this.#pingAcks++;
        break;
      case 'WINDOW_UPDATE':
        assert.ok(payload.readUInt32BE() > 0);
        break;
      case 'GOAWAY':
        this.#goAway(each);
        break;
      case 'HEADERS':
      case 'CONTINUATION':
        this.#headers(each);
        break;
      case 'DATA':
        this.#sendsOn(streamId);
        this.#dataBytes += payload.length;
        if (flags & END_STREAM) this.#ended.add(streamId);
        break;
      case 'RST_STREAM':
        assert.ok(this.#requests.streamIds.has(streamId), 'RST_STREAM on a stream that was not opened');
        assert.ok(!this.#reset.has(streamId), 'RST_STREAM twice');
        this.#reset.add(streamId);
        this.happened.add(`reset ${errorName(payload.readUInt32BE())}`);
        break;
      default:
        assert.fail(`the server sent ${type}`);
    }
  }

  #goAway({ payload }: Frame): void {
    const code = errorName(payload.readUInt32BE(4));
    this.#failed = code !== 'NO_ERROR';
    assert.notEqual(code, 'INTERNAL_ERROR');
    this.happened.add(`goaway ${code} ${payload.toString('latin1', 8).replaceAll(/\d+/g, 'N')}`);
  }

  #sendsOn(streamId: number): void {
    assert.ok(this.#requests.streamIds.has(streamId), 'a stream that was not opened');
    assert.ok(!this.#ended.has(streamId), 'a stream on which the last was sent');
    assert.ok(!this.#reset.has(streamId), 'a stream that was reset');
  }

  #headers({ type, flags, streamId, payload }: Frame): void {
    if (type === 'HEADERS') {
      this.#sendsOn(streamId);
      this.#block = [];
      this.#blockStreamId = streamId;
      this.#blockEnds = (flags & END_STREAM) !== 0;
    }
    assert.ok(this.#block !== undefined, 'CONTINUATION without HEADERS');
    this.#block.push(payload);
    if ((flags & END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#block);
    this.#block = undefined;
    const { fields } = this.#decoder.decode(block, 0, block.length);
    for (const name of [':status', 'grpc-status']) {
      const at = fields.indexOf(name);
      if (at >= 0) this.happened.add(`${name} ${fields[at + 1]}`);
    }
    if (this.#blockEnds) this.#ended.add(streamId);
  }

  end(): void {
    const { windowBytes, settings, pings } = this.#requests;
    assert.equal(this.#block, undefined, 'a header block without its end');
    assert.ok(this.#dataBytes <= windowBytes, 'more DATA than the window of the connection');
    assert.ok(this.#settingsAcks <= settings, 'more SETTINGS ACK than SETTINGS');
    assert.ok(this.#pingAcks <= pings + 1, 'more PING ACK than PING');
  }
}
