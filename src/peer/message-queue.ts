import { Fifo } from '../base/fifo.js';
import type { Message } from '../raft/types.js';
import { messageSizeBytes } from './message-codec.js';

export interface QueueLimits {
  readonly messagesMax: number;
  readonly sizeBytesMax: number;
}

export const queueLimits: QueueLimits = { messagesMax: 4096, sizeBytesMax: 64 * 1024 * 1024 };

/** The next heartbeat says all that a lost one did. */
function isHeartbeat(message: Message): boolean {
  return message.type === 'heartbeat' || message.type === 'heartbeat-response';
}

/** The place of a message; empty when it had to give way. */
interface Place {
  message: Message | undefined;
}

/** With so many empty places they are given up. */
const emptyPlaces = 1024;

/**
 * Messages for one member. When it is full, the oldest heartbeat gives way, else the oldest message: Raft sends
 * again what was lost, and the newest knows most. Each costs the same, however many there are.
 */
export class MessageQueue {
  readonly #limits: QueueLimits;
  #places = new Fifo<Place>();
  /** Of those, the places of heartbeats; none is empty. */
  readonly #heartbeats = new Fifo<Place>();
  #length = 0;
  #sizeBytes = 0;
  #dropped = 0;

  constructor(limits: QueueLimits = queueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#length;
  }

  /** Messages that had to give way, ever. */
  get dropped(): number {
    return this.#dropped;
  }

  push(message: Message): void {
    const place: Place = { message };
    this.#places.push(place);
    if (isHeartbeat(message)) this.#heartbeats.push(place);
    this.#length++;
    this.#sizeBytes += messageSizeBytes(message);
    while (this.#overflows()) this.#dropOne();
  }

  #overflows(): boolean {
    const { messagesMax, sizeBytesMax } = this.#limits;
    return this.#length > messagesMax || (this.#sizeBytes > sizeBytesMax && this.#length > 1);
  }

  #dropOne(): void {
    const heartbeat = this.#heartbeats.shift();
    const message = heartbeat?.message ?? this.#next();
    if (heartbeat === undefined) this.#places.shift();
    this.#dropped++;
    this.#length--;
    this.#sizeBytes -= messageSizeBytes(message!);
    if (heartbeat === undefined) return;
    heartbeat.message = undefined;
    if (this.#places.length > this.#length + emptyPlaces) this.#closeUp();
  }

  #closeUp(): void {
    const places = new Fifo<Place>();
    for (let place = this.#places.shift(); place !== undefined; place = this.#places.shift()) {
      if (place.message !== undefined) places.push(place);
    }
    this.#places = places;
  }

  /** Messages from the oldest on, up to about `sizeBytesMax`, at least one; they leave the queue. */
  take(sizeBytesMax: number): { messages: readonly Message[]; sizeBytes: number } {
    const messages: Message[] = [];
    let sizeBytes = 0;
    for (let message = this.#next(); message !== undefined; message = this.#next()) {
      const more = messageSizeBytes(message);
      if (messages.length > 0 && sizeBytes + more > sizeBytesMax) break;
      this.#places.shift();
      if (isHeartbeat(message)) this.#heartbeats.shift();
      sizeBytes += more;
      messages.push(message);
    }
    this.#length -= messages.length;
    this.#sizeBytes -= sizeBytes;
    return { messages, sizeBytes };
  }

  /** The oldest one that is left stays in its place. */
  #next(): Message | undefined {
    let place = this.#places.peek();
    while (place !== undefined && place.message === undefined) {
      this.#places.shift();
      place = this.#places.peek();
    }
    return place?.message;
  }

  clear(): void {
    this.#dropped += this.#length;
    this.#places.clear();
    this.#heartbeats.clear();
    this.#length = 0;
    this.#sizeBytes = 0;
  }
}
