import { Fifo } from '../base/fifo.js';
import type { Message } from '../raft/types.js';
import { messageSizeBytes } from './message-codec.js';

export interface QueueLimits {
  readonly messagesMax: number;
  readonly sizeBytesMax: number;
}

export const queueLimits: QueueLimits = { messagesMax: 4096, sizeBytesMax: 64 * 1024 * 1024 };

type AppendMessage = Extract<Message, { type: 'append' }>;

/** The next heartbeat says all that a lost one did. */
function isHeartbeat(message: Message): boolean {
  return message.type === 'heartbeat' || message.type === 'heartbeat-response';
}

/** What holds entries or the data of a call, and the appends without any, which tell whether those before are there. */
function isBulk(message: Message): boolean {
  return message.type === 'append' || message.type === 'propose';
}

/**
 * Messages for one member, in lanes: what decides who leads, and what others wait for, overtakes entries and proposals,
 * which keep their order among themselves. When it is full, the oldest heartbeat gives way, else the oldest of what is
 * large, else the oldest message: Raft sends again what was lost, and the newest knows most. Each costs the same,
 * however many there are.
 */
export class MessageQueue {
  readonly #limits: QueueLimits;
  readonly #heartbeats = new Fifo<Message>();
  readonly #urgent = new Fifo<Message>();
  #bulk = new Fifo<Message>();
  #sizeBytes = 0;
  #dropped = 0;
  /** Of the appends that were pushed last: their term, and the index that the next one goes on from. */
  #appended = { term: 0, end: 0 };

  constructor(limits: QueueLimits = queueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#heartbeats.length + this.#urgent.length + this.#bulk.length;
  }

  /** Messages that had to give way, ever. */
  get dropped(): number {
    return this.#dropped;
  }

  push(message: Message): void {
    if (message.type === 'append') this.#noteAppend(message);
    const lane = isBulk(message) ? this.#bulk : isHeartbeat(message) ? this.#heartbeats : this.#urgent;
    lane.push(message);
    this.#sizeBytes += messageSizeBytes(message);
    while (this.#overflows()) this.#drop(this.#oldest());
  }

  /**
   * Entries from further back: the other end lacks what stands there, so it will refuse the appends that wait, and gets
   * what they hold again. On a slow link they would take seconds.
   */
  #noteAppend({ term, previousIndex, entries }: AppendMessage): void {
    const last = this.#appended;
    const end = previousIndex + entries.length;
    const goesBack = term !== last.term || (entries.length > 0 && previousIndex < last.end);
    if (goesBack) this.#dropAppends();
    this.#appended = { term, end: goesBack ? end : Math.max(end, last.end) };
  }

  #dropAppends(): void {
    const left = new Fifo<Message>();
    for (let message = this.#bulk.shift(); message !== undefined; message = this.#bulk.shift()) {
      if (message.type === 'append') this.#drop(message);
      else left.push(message);
    }
    this.#bulk = left;
  }

  #overflows(): boolean {
    const { messagesMax, sizeBytesMax } = this.#limits;
    const { length } = this;
    return length > messagesMax || (this.#sizeBytes > sizeBytesMax && length > 1);
  }

  #oldest(): Message | undefined {
    return this.#heartbeats.shift() ?? this.#bulk.shift() ?? this.#urgent.shift();
  }

  #drop(message: Message | undefined): void {
    this.#dropped++;
    if (message !== undefined) this.#sizeBytes -= messageSizeBytes(message);
  }

  /** Messages that must not wait, up to about `sizeBytesMax`; they leave the queue. */
  takeUrgent(sizeBytesMax: number): Message[] {
    const messages: Message[] = [];
    const left = this.#takeFrom(this.#heartbeats, sizeBytesMax, messages);
    this.#takeFrom(this.#urgent, left, messages);
    return messages;
  }

  /** Adds the others from the oldest on to `messages`, up to about `sizeBytesMax`; at least one where there was none. */
  takeBulk(sizeBytesMax: number, messages: Message[]): void {
    this.#takeFrom(this.#bulk, sizeBytesMax, messages);
  }

  /** @returns what is left of `sizeBytesMax` */
  #takeFrom(lane: Fifo<Message>, sizeBytesMax: number, messages: Message[]): number {
    let left = sizeBytesMax;
    for (let message = lane.peek(); message !== undefined; message = lane.peek()) {
      const sizeBytes = messageSizeBytes(message);
      if (messages.length > 0 && sizeBytes > left) break;
      lane.shift();
      left -= sizeBytes;
      this.#sizeBytes -= sizeBytes;
      messages.push(message);
    }
    return left;
  }

  clear(): void {
    this.#dropped += this.length;
    this.#heartbeats.clear();
    this.#urgent.clear();
    this.#bulk.clear();
    this.#sizeBytes = 0;
    this.#appended = { term: 0, end: 0 };
  }
}
