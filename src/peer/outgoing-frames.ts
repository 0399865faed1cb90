import { ByteWriter } from '../base/byte-stream.js';
import type { Term } from '../base/ids.js';
import type { Message } from '../raft/types.js';
import { encodeFrame } from './frame.js';
import { messageSizeBytes, speakable, writeMessage } from './message-codec.js';
import { encodePart, partSizeBytes, partsSinceVersion } from './message-parts.js';
import { MessageQueue } from './message-queue.js';

/** A message that is longer than a part, with what of it has left. */
interface LongMessage {
  readonly whole: Uint8Array;
  readonly term: Term;
  sentBytes: number;
}

/**
 * What goes to one member, as frames: each is made when there is room for it, from what is the most urgent then. Long
 * messages are cut into parts, and others go in between.
 */
export class OutgoingFrames {
  readonly #queue = new MessageQueue();
  readonly #partSizeBytes: number;
  #long: LongMessage | undefined;

  constructor(sizeBytes = partSizeBytes) {
    this.#partSizeBytes = sizeBytes;
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Of the long message whose parts are leaving; undefined: none are. */
  get longTerm(): Term | undefined {
    return this.#long?.term;
  }

  push(message: Message): void {
    this.#queue.push(message);
  }

  /**
   * @param version of the protocol
   * @param roomForBulk whether entries and proposals may leave too
   * @returns undefined: nothing may leave
   */
  next(version: number, roomForBulk: boolean): Uint8Array | undefined {
    const messages = this.#queue.takeUrgent(this.#partSizeBytes);
    if (roomForBulk && this.#long === undefined) this.#addBulk(messages, version);
    if (messages.length > 0) return frameOf(messages, version);
    return roomForBulk && this.#long !== undefined ? this.#nextPart(this.#long) : undefined;
  }

  #addBulk(messages: Message[], version: number): void {
    const isFirst = messages.length === 0;
    this.#queue.takeBulk(this.#partSizeBytes - sizeOf(messages), messages);
    const [first] = messages;
    if (!isFirst || first === undefined || version < partsSinceVersion) return;
    if (messageSizeBytes(first) <= this.#partSizeBytes) return;
    messages.length = 0;
    const writer = new ByteWriter(messageSizeBytes(first));
    for (const message of speakable([first], version)) writeMessage(writer, message);
    if (writer.length > 0) this.#long = { whole: writer.finish(), term: first.term, sentBytes: 0 };
  }

  #nextPart(long: LongMessage): Uint8Array {
    const lengthBytes = Math.min(this.#partSizeBytes, long.whole.length - long.sentBytes);
    const frame = encodePart(long.whole, long.sentBytes, lengthBytes);
    long.sentBytes += lengthBytes;
    if (long.sentBytes === long.whole.length) this.#long = undefined;
    return frame;
  }

  /** The connection is gone, and with it what was on its way. */
  clear(): void {
    this.#queue.clear();
    this.#long = undefined;
  }
}

function sizeOf(messages: readonly Message[]): number {
  let sizeBytes = 0;
  for (const message of messages) sizeBytes += messageSizeBytes(message);
  return sizeBytes;
}

function frameOf(messages: readonly Message[], version: number): Uint8Array {
  return encodeFrame((writer) => {
    for (const message of speakable(messages, version)) writeMessage(writer, message);
  }, sizeOf(messages));
}
