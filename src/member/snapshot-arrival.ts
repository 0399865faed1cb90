import { KvorumError } from '../base/errors.js';
import type { MemberId } from '../base/ids.js';
import type { IncomingSnapshot } from '../ports/peers.js';

interface Listener {
  /** So much of it is here. */
  moved(doneBytes: number): void;
  /** The next may come: this one is whole, damaged, broken off or given up. */
  ended(): void;
  /** It is whole. Told after `ended`. */
  arrived(): void;
}

/** A snapshot on its way to this member, until it is whole, breaks off, or gives way to the leader's. */
export class SnapshotArrival implements IncomingSnapshot {
  readonly from: MemberId;
  readonly #incoming: IncomingSnapshot;
  readonly #listener: Listener;
  #phase: 'open' | 'finishing' | 'ended' = 'open';
  #lastWrite: Promise<void> = Promise.resolve();
  /** Of its file, once that has begun. */
  #closing: Promise<void> | undefined;

  constructor(from: MemberId, incoming: IncomingSnapshot, listener: Listener) {
    this.from = from;
    this.#incoming = incoming;
    this.#listener = listener;
  }

  get receivedBytes(): number {
    return this.#incoming.receivedBytes;
  }

  /** All of it is here once it is being checked: it is then as good as another. */
  get mayGiveWay(): boolean {
    return this.#phase === 'open';
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    this.#requireOpen();
    this.#lastWrite = this.#incoming.write(position, bytes);
    await this.#lastWrite;
    this.#listener.moved(position + bytes.length);
  }

  async finish(): Promise<void> {
    this.#requireOpen();
    this.#phase = 'finishing';
    this.#closing = this.#incoming.finish();
    try {
      await this.#closing;
    } finally {
      this.#end();
    }
    this.#listener.arrived();
  }

  async suspend(): Promise<void> {
    if (this.#phase === 'open') await this.giveWay();
  }

  /** Ends it. The file is closed when this resolves; the sender hears of it when it brings more. */
  async giveWay(): Promise<void> {
    this.#closing = this.#suspended();
    this.#end();
    await this.#closing;
  }

  async #suspended(): Promise<void> {
    // What became of it is its writer's to know.
    await this.#lastWrite.catch(() => {});
    await this.#incoming.suspend();
  }

  /** The file is closed when this resolves, whoever ends it. What goes wrong there is told to them. */
  async close(): Promise<void> {
    try {
      await this.suspend();
      await this.#closing;
    } catch {
      // The next life goes on with what there is.
    }
  }

  #end(): void {
    this.#phase = 'ended';
    this.#listener.ended();
  }

  #requireOpen(): void {
    if (this.#phase !== 'open') {
      throw new KvorumError('CANCELLED', 'this snapshot gave way to another, of the leader');
    }
  }
}
