import { KvorumError } from '../base/errors.js';
import type { MemberId } from '../base/ids.js';
import type { IncomingSnapshot } from '../ports/peers.js';

interface Listener {
  /** The next may come: this one is whole, damaged, broken off or given up. */
  ended(arrival: SnapshotArrival): void;
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
  }

  async finish(): Promise<void> {
    this.#requireOpen();
    this.#phase = 'finishing';
    try {
      await this.#incoming.finish();
    } finally {
      this.#end();
    }
    this.#listener.arrived();
  }

  async suspend(): Promise<void> {
    if (this.#phase !== 'open') return;
    this.#end();
    await this.#incoming.suspend();
  }

  /** Ends it. The file is closed when this resolves; the sender hears of it when it brings more. */
  async giveWay(): Promise<void> {
    this.#end();
    // What became of it is its writer's to know.
    await this.#lastWrite.catch(() => {});
    await this.#incoming.suspend();
  }

  #end(): void {
    this.#phase = 'ended';
    this.#listener.ended(this);
  }

  #requireOpen(): void {
    if (this.#phase !== 'open') {
      throw new KvorumError('CANCELLED', 'this snapshot gave way to another, of the leader');
    }
  }
}
