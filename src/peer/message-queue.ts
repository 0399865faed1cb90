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

/**
 * Messages for one member. When it is full, the oldest heartbeat gives way, else the oldest message: Raft sends
 * again what was lost, and the newest knows most.
 */
export class MessageQueue {
  readonly #limits: QueueLimits;
  #messages: Message[] = [];
  #sizeBytes = 0;
  #dropped = 0;

  constructor(limits: QueueLimits = queueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Messages that had to give way, ever. */
  get dropped(): number {
    return this.#dropped;
  }

  push(message: Message): void {
    this.#messages.push(message);
    this.#sizeBytes += messageSizeBytes(message);
    while (this.#overflows()) this.#dropOne();
  }

  #overflows(): boolean {
    const { messagesMax, sizeBytesMax } = this.#limits;
    return (
      this.#messages.length > messagesMax || (this.#sizeBytes > sizeBytesMax && this.#messages.length > 1)
    );
  }

  #dropOne(): void {
    const at = Math.max(0, this.#messages.findIndex(isHeartbeat));
    const [message] = this.#messages.splice(at, 1);
    this.#sizeBytes -= messageSizeBytes(message!);
    this.#dropped++;
  }

  /** Messages from the oldest on, up to about `sizeBytesMax`, at least one; they leave the queue. */
  take(sizeBytesMax: number): { messages: readonly Message[]; sizeBytes: number } {
    let count = 0;
    let sizeBytes = 0;
    for (const message of this.#messages) {
      const more = messageSizeBytes(message);
      if (count > 0 && sizeBytes + more > sizeBytesMax) break;
      sizeBytes += more;
      count++;
    }
    const messages = count === this.#messages.length ? this.#messages : this.#messages.slice(0, count);
    this.#messages = count === this.#messages.length ? [] : this.#messages.slice(count);
    this.#sizeBytes -= sizeBytes;
    return { messages, sizeBytes };
  }

  clear(): void {
    this.#dropped += this.#messages.length;
    this.#messages = [];
    this.#sizeBytes = 0;
  }
}
